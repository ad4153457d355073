/* What one reader has been handed, and so where it goes on: pure arithmetic. */
#ifndef FORGELOG_CURSOR_H
#define FORGELOG_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_range {
  int64_t first, last;
};

struct fl_cursor {
  uint32_t timeline;       /* of the server the position came from; 0: not known */
  int64_t base;            /* everything at or below it was handed out */
  int64_t next;            /* where reading goes on: all visible up to here was handed out ... */
  int64_t back;            /* ... but for what writers above this bound have committed since */
  int64_t goal;            /* where this pass of reading ends */
  struct fl_range *ranges; /* handed out above base, ascending, never touching */
  size_t count, room;
};

/* More ranges than this (1 MiB) are forgotten, and changes above the base may be handed out again. */
#define FL_RANGES_KEPT 65536
/* A position that would name more ranges than this (some 64 KiB of text) names none: see above. */
#define FL_RANGES_SAVED 4096
/* Room for the text of a position: two numbers of 20 digits a range. */
#define FL_POSITION_ROOM(ranges) (40 + (ranges) * 42)
#define FL_POSITION_SIZE FL_POSITION_ROOM(FL_RANGES_SAVED)

/* Reads a position's text: "15", "1:15" or "1:15:17-20,22". NULL, or what is wrong with it. */
const char *fl_cursor_parse(struct fl_cursor *cursor, const char *text);

/* Writes the position's text, at most FL_POSITION_ROOM(cursor->count) bytes. */
void fl_cursor_print(const struct fl_cursor *cursor, char *text);

/* Marks a seq as handed out; false: out of memory, nothing changed. */
bool fl_cursor_hand(struct fl_cursor *cursor, int64_t seq);
bool fl_cursor_has(const struct fl_cursor *cursor, int64_t seq);

/* Lifts the base to what is settled as well as handed out, and forgets the ranges below it. */
void fl_cursor_settle(struct fl_cursor *cursor, int64_t settled);

void fl_cursor_free(struct fl_cursor *cursor);

#endif
