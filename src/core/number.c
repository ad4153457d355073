/* printf and strtod use the decimal point of the program's locale. What they write is put right
   here, and what they read is made fit for them: that needs no call which changes the locale, and
   so disturbs no other thread. */
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

/* Whatever stands between two digits is the locale's decimal point, of several bytes in some. */
static void set_point(char *text) {
  char *point = text + strspn(text, "-" DIGITS);
  size_t length;
  if (*point == '\0' || *point == 'e') return;
  length = strcspn(point, DIGITS);
  *point = '.';
  memmove(point + 1, point + length, strlen(point + length) + 1);
}

static bool write_special(char *text, double number) {
  if (isfinite(number)) return false;
  strcpy(text, isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
  return true;
}

void fl_number_fixed(char text[FL_NUMBER_ROOM], double number, int places) {
  if (write_special(text, number)) return;
  snprintf(text, FL_NUMBER_ROOM, "%.*f", places, number);
  set_point(text);
}

/* From 2^53 on all doubles are whole. (floor would be of the mathematical library, which is not
   linked.) */
static bool is_whole(double number) {
  return fabs(number) >= 9007199254740992.0 || number == (double)(long long)number;
}

void fl_number_text(char text[FL_NUMBER_ROOM], double number) {
  int digits = 15; /* 17 digits tell every double from its neighbours; most need no more than 15 */
  if (!isfinite(number) || is_whole(number)) {
    fl_number_fixed(text, number, 0);
    return;
  }
  do snprintf(text, FL_NUMBER_ROOM, "%.*g", digits, number);
  while (strtod(text, NULL) != number && ++digits <= 17);
  set_point(text);
}

/* The text with the locale's point in place of its own. false: it is too long for a number. */
static bool localize(const char *text, char *copy, size_t size) {
  const char *point = strchr(text, '.');
  char half[16];
  int before = (int)(point - text), length = snprintf(half, sizeof half, "%.1f", 0.5);
  int written = snprintf(copy, size, "%.*s%.*s%s", before, text, length - 2, half + 1, point + 1);
  return written >= 0 && (size_t)written < size;
}

bool fl_number_parse(const char *text, double *number) {
  char copy[FL_NUMBER_ROOM], *end;
  if (text[strspn(text, "+-." DIGITS "eEINafinty")] != '\0') return false;
  *number = strtod(text, &end);
  if (*end == '.' && localize(text, copy, sizeof copy)) *number = strtod(text = copy, &end);
  return end > text && *end == '\0';
}
