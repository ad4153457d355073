/* What was delivered to one reader, and so where it goes on: pure arithmetic. A base up to which
   everything was delivered, and ranges above it, as TCP has a cumulative ACK and SACK blocks. */
#ifndef FORGELOG_CURSOR_H
#define FORGELOG_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_range {
  int64_t first, last;
};

/* Seqs as a list of ranges that ascend and never touch each other. */
struct fl_ranges {
  struct fl_range *list;
  size_t count, room;
};

struct fl_named;

struct fl_cursor {
  uint32_t timeline;       /* of the server that the position came from; 0: not known */
  uint64_t lsn;            /* that server had written this much WAL when everything delivered had
                              been worked on; 0: not known */
  int64_t base;            /* everything at or below it was delivered */
  int64_t next;            /* reading goes on above it: what was visible up to here was delivered */
  int64_t rescan_from;     /* ... except what writers above this bound have committed since */
  int64_t until;           /* where this scan ends */
  struct fl_range *ranges; /* delivered above base, ascending, never touching each other */
  size_t count, room;
  struct fl_named *named; /* rows by which a server is found to have all that was delivered; NULL:
                             none. As text only: a copy has none */
};

/* A cursor with more ranges than this (1 MiB) forgets them: changes above its base may be delivered
   again. */
#define FL_RANGES_KEPT 65536
/* A position with more ranges than this (some 64 KiB of text) is written without them, with the
   same effect. */
#define FL_RANGES_SAVED 4096
/* Room for the text of a position that names no rows: two numbers of 20 digits for each range. */
#define FL_POSITION_ROOM(ranges) (60 + (ranges)*42)

/* Reads the text of a position: "15", "1:15" or "1:15:17-20,22", the latter two perhaps with a
   place in the WAL behind them, "@0/3000060", and the rows that it names, "=12+3,5/9f3c.7a" (see
   named.h). NULL, or what is wrong with it. */
const char *fl_cursor_parse(struct fl_cursor *cursor, const char *text);

/* Bytes in which the text of the position has room. */
size_t fl_position_room(const struct fl_cursor *cursor);

/* Writes the text of the position. */
void fl_cursor_print(const struct fl_cursor *cursor, char *text);

/* Takes away what the position says beside the place. */
void fl_cursor_bare(struct fl_cursor *cursor);

/* Digits to a number; the text behind them, or NULL: there are none, or too many. */
const char *fl_seq_parse(const char *text, int64_t *value);

/* The number that stands for a place in the WAL, such as "0/3000060", up to the end of the text or
   a blank; 0: it is none. */
uint64_t fl_lsn_parse(const char *text);

/* Marks a seq as delivered; false: out of memory, and nothing has changed. */
bool fl_cursor_deliver(struct fl_cursor *cursor, int64_t seq);
bool fl_cursor_has(const struct fl_cursor *cursor, int64_t seq);

/* The same for all seqs from first to last. */
bool fl_cursor_deliver_range(struct fl_cursor *cursor, int64_t first, int64_t last);

/* Whether one of these seqs lies above `above` and was not delivered. */
bool fl_cursor_lacks(const struct fl_cursor *cursor, const struct fl_ranges *seqs, int64_t above);

/* Takes seqs out again, which are sorted for that: the base goes below the lowest of them, and what
   else it had above becomes ranges. Seqs that it does not have take nothing away. It is not at rest
   then, and reading goes on above the base.
   False: out of memory, and nothing has changed. */
bool fl_cursor_take_out(struct fl_cursor *cursor, int64_t *seqs, size_t count);

/* Leaves what the other one has too, on the lower timeline of the two, with the same effects. Where
   both are of one timeline, it rests on what both rest on, and names the rows that both name. */
bool fl_cursor_intersect(struct fl_cursor *cursor, const struct fl_cursor *other);

/* Lifts the base up to where everything is settled and delivered, and forgets the ranges below. */
void fl_cursor_settle(struct fl_cursor *cursor, int64_t horizon);

/* A copy; false: out of memory, and it has no ranges. */
bool fl_cursor_copy(struct fl_cursor *copy, const struct fl_cursor *cursor);

void fl_cursor_free(struct fl_cursor *cursor);

/* Adds a range behind those of the list, at least two above the last of them; false: out of
   memory. */
bool fl_ranges_append(struct fl_ranges *ranges, int64_t first, int64_t last);

void fl_ranges_free(struct fl_ranges *ranges);

#endif
