/* Doubles as text and back, with a decimal point whatever locale the program has set. */
#ifndef FORGELOG_NUMBER_H
#define FORGELOG_NUMBER_H

#include <stdbool.h>

enum {
  FL_NUMBER_MOST_PLACES = 9, /* digits behind the point that fl_number_fixed writes at most */
  FL_NUMBER_ROOM = 336       /* bytes of the longest text: sign, 309 digits, point, these places */
};

/* The shortest decimal text that reads back as the same number; a whole number in all its digits,
   so that a column of integers takes it. NaN, Infinity and -Infinity as PostgreSQL writes them. */
void fl_number_text(char text[FL_NUMBER_ROOM], double number);

/* The number rounded to that many digits behind the point, at most FL_NUMBER_MOST_PLACES. */
void fl_number_fixed(char text[FL_NUMBER_ROOM], double number, int places);

/* Reads a decimal number, NaN or Infinity. false: the text is none. */
bool fl_number_parse(const char *text, double *number);

#endif
