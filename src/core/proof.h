/* Which rows a reader has to name, so that they prove that a server has all that it was handed
   out: pure arithmetic over what each look saw.

   At a look the sequence says which seq it has given last: the mark. All rows that were handed out
   before were visible, so committed, before that. A seq above the mark is given, and its row
   written, only after it. So one such row, once it is visible, proves all of them, and none of them
   has to be named any more. What is named is therefore: the newest row that a look saw, by which
   all older ones are proven; the rows of before the mark that waits to be passed; and those since.
   (The newest row need not be one that the reader wants.)

   The base is proven with them. It lies below the horizon that the look before knew, so every
   writer of a seq up to it had ended, and let its locks go, before the mark was read: in a history
   that has the row above the mark, no prepared transaction can still bring one.

   Where whoever commits waits for a standby, what can be read is there, too: but for what a server
   had recovered when it started, or was promoted, whose commits need not have waited. A row above a
   mark of this server shows that a commit has waited since, and so that the standby has all that
   was written before. */
#ifndef FORGELOG_PROOF_H
#define FORGELOG_PROOF_H

#include "named.h"

/* What a look saw. */
struct fl_sight {
  int64_t newest;    /* the largest seq that is visible */
  int64_t newest_at; /* its created_at; FL_NO_TIME: it is not known, or is no row of the log */
  int64_t given;     /* what the sequence said, after what was handed out was read; -1: unknown */
  int64_t base;      /* all up to here was handed out, and nothing up to here could appear any more
                        when the sequence was asked */
  bool synchronous; /* whoever commits waits for a standby first */
};

struct fl_proof {
  bool any;     /* something was handed out, or was named from the beginning */
  bool elder;   /* see fl_named */
  bool begun;   /* `newest` is the newest row by which older ones are proven; or what was named */
  int64_t low;  /* see fl_named */
  int64_t floor; /* where it began: a base lower than this one is none */
  struct fl_named newest; /* that row alone */
  bool waiting;           /* for a row above the mark, which proves the older ones and the base */
  int64_t mark, base;
  uint64_t looks, marked, proven; /* how many; which one gave the mark; the mark that was passed */
  bool blind;                     /* the sequence may not be asked */
  struct fl_named older, younger;
  /* Something of it may have been read before a standby had it. */
  bool older_alone, younger_alone, alone;
  /* Since this server is asked, a commit has waited for a standby, as is known; whether a row above
     the mark shows that. What was read early may be nowhere else. */
  bool waited, waits, early;
};

/* Begins at a position whose base is `floor`, and which names these rows; NULL: none, so that the
   first row above the first mark is waited for. */
void fl_proof_begin(struct fl_proof *proof, int64_t floor, const struct fl_named *named);

/* A row is handed out that was read when so many looks had been taken. */
void fl_proof_add(struct fl_proof *proof, uint64_t looks, int64_t seq, int64_t created_at);

/* Whether so many rows are to be named that another look is worth its time. */
bool fl_proof_crowded(const struct fl_proof *proof);

/* A look was taken, after which nothing was handed out yet. */
void fl_proof_look(struct fl_proof *proof, const struct fl_sight *sight);

/* Another server is asked from now on, or one on another timeline. Of that the marks that were read
   before say nothing. */
void fl_proof_leave(struct fl_proof *proof);

/* Whether all rows that it names may be of before this server's history left that of another one,
   which has them too, and a timeline of the same number. */
bool fl_proof_elder(const struct fl_proof *proof);

/* It names nothing until a row comes that proves what was handed out by now. */
void fl_proof_give_up(struct fl_proof *proof);

/* The server may be another one, which has the rows, but may give what is above this base anew. */
void fl_proof_clip(struct fl_proof *proof, int64_t base);

/* Names the rows; false: they are not known, or too many. */
bool fl_proof_name(const struct fl_proof *proof, struct fl_named *named);

#endif
