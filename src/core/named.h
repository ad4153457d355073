/* The rows of the log that a position names, so that any server can be asked whether it has all
   that was handed out: pure.

   Another history of the log that lost nothing (a standby, a restore, the same server after a
   crash) is the old WAL up to some place, and goes on differently behind it. A row that was
   committed before another one was written comes before it in that WAL. So if the rows that are
   named here are there, unchanged, then everything that was committed before one of them was
   written is there too. Which rows those have to be, proof.h finds out. */
#ifndef FORGELOG_NAMED_H
#define FORGELOG_NAMED_H

#include "cursor.h"

/* Who would have to name more names nothing. */
#define FL_NAMED_RANGES 512
#define FL_NAMED_ROWS 200000

/* That the rows are there shows that what was handed out is there. What the work on it has read by
   itself may have been committed after them. */
enum fl_proves {
  FL_PROVES_ALL,     /* but whoever commits waits for a standby: what could be read is there too */
  FL_PROVES_AT_REST, /* all work was done, and all that it can have read had been handed out */
  FL_PROVES_NO_WORK  /* it is not known: other rows show a loss, but these rows do not show that
                        there is none */
};

struct fl_named {
  /* Where all of them are, no change up to here can appear that was not there when this was
     known; and if they prove all at rest only, what was committed by the work up to here is there.
     They all lie above it. */
  int64_t low;
  enum fl_proves proves;
  uint64_t sum; /* over which rows they are: see fl_named_row */
  uint64_t top; /* what the highest of them adds to that: of all, it is deleted last */
  int64_t rows;
  bool elder; /* it is not known that one of them is of the timeline of the position */
  bool too_many;
  size_t count;
  struct fl_range ranges[FL_NAMED_RANGES]; /* exactly their seqs, ascending, never touching */
};

/* What a row adds to the sum, so that a row that was given the same seq in another history is told
   apart. The statement that verifies computes the same: (2 seq + 1) times the microseconds since
   2000 of created_at, modulo 2^64. */
uint64_t fl_named_row(int64_t seq, int64_t created_at);

int64_t fl_named_highest(const struct fl_named *named);
bool fl_named_has(const struct fl_named *named, int64_t seq);

/* Whether both name the same rows, which prove the same. */
bool fl_named_same(const struct fl_named *named, const struct fl_named *other);

/* Names one more row. One that is named already changes nothing. */
void fl_named_add(struct fl_named *named, int64_t seq, int64_t created_at);

/* Names the rows of another one too, none of which are named already. */
void fl_named_join(struct fl_named *named, const struct fl_named *other);

/* Reads the text behind a position, "=12+1-3,5/9f3c.7a": low, the seqs as seen from there, the sum,
   and what the highest adds to it; and ^ behind that where they may all be elder than the timeline.
   In place of the first sign it has ~ where they prove all only at rest, and ! where they prove
   nothing of the work. NULL, or what is wrong with it. */
#define FL_NAMED_SIGNS "=~!"
const char *fl_named_parse(struct fl_named *named, const char *text);

/* Room for the text, and for that of any position. */
#define FL_NAMED_ROOM(ranges) (64 + (ranges)*42)
#define FL_POSITION_SIZE (FL_POSITION_ROOM(FL_RANGES_SAVED) + FL_NAMED_ROOM(FL_NAMED_RANGES))
void fl_named_print(const struct fl_named *named, char *text);

/* Takes a cursor back to where it can go on in another history that has the rows. What was given
   above them may be given again there, and what was found to be empty above `low` may be filled,
   but for what was `deleted` before the histories parted and `had` is behind. What `before` had
   above its base stays delivered, too. What it then does not know any more to be delivered comes
   again. False: out of memory, and nothing has changed. */
bool fl_named_retreat(const struct fl_named *named, struct fl_cursor *cursor,
                      const struct fl_cursor *had, const struct fl_cursor *before,
                      const struct fl_ranges *deleted);

/* The same where the timeline is of the same number, so that the server is taken for the same one,
   and only what was given above the rows may be given again. */
void fl_named_clip(const struct fl_named *named, struct fl_cursor *cursor,
                   const struct fl_ranges *deleted);

#endif
