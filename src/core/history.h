/* Which seqs a log ever gave and which of them are gone, and so whether a position has a gap: pure
   arithmetic over what statements found out. */
#ifndef FORGELOG_HISTORY_H
#define FORGELOG_HISTORY_H

#include "cursor.h"

#include <stdbool.h>
#include <stdint.h>

struct fl_history {
  uint32_t log_oid;   /* of the log table: a table made again under the same name has other seqs */
  uint32_t timeline;  /* of the server; 0: not known */
  uint32_t was_on;    /* the timeline that was known last */
  uint64_t lsn;       /* the WAL that the server had written when asked last; 0: not known */
  uint64_t forked_at; /* where its timeline left the one before it; 0: not known */
  bool has_parent;    /* the log shows that the timeline before has the number below its own */
  bool standby; /* what it gave is not known: its sequence is ahead, and the server behind others */
  bool has_state;     /* trims leave their mark, since install has made the state table */
  int64_t last_given; /* by the sequence, as last asked; -1: this role is not allowed to ask */
  /* What a sequence has given may be given again after a crash, unless the WAL that was written
     until then is on disk. So the highest seq that was given for good is what the sequence said
     before a place in the WAL that has been flushed since. */
  int64_t durable, unflushed;
  uint64_t unflushed_lsn; /* where `unflushed` is durable; 0: nothing waits for that */
  int64_t trimmed_to; /* changes up to here are gone; -1: the state table has lost its row */
  int64_t smallest, largest; /* in the log as last seen; -1: the log is empty */
  bool exact;       /* the state table also tells which changes were deleted, one by one */
  int64_t empty_to; /* no change is or will ever be at or below this */
  struct fl_ranges deleted; /* as asked last, above the place that it was asked for */
};

enum fl_gap_reason {
  FL_GAP_NONE,
  FL_GAP_TRIMMED, /* changes after the position were deleted */
  FL_GAP_RESET, /* the log was made again, or restored: it is not the one that the position is of */
  FL_GAP_FAILOVER /* the position was given by a server on another timeline */
};

struct fl_gap {
  enum fl_gap_reason reason;
  int64_t upto; /* changes up to here are gone; without a gap the highest seq ever given */
};

/* A place in some log, for which the gap is asked. */
struct fl_place {
  uint32_t log_oid;  /* of the log table that it is in; 0: not known */
  uint32_t timeline; /* 0: not known */
  int64_t seq;       /* everything up to here was delivered */
  uint64_t lsn;      /* the WAL written when that had been worked on; 0: not known */
  bool differs;      /* rows that were delivered are not in this log, or are others there */
};

void fl_history_init(struct fl_history *history);

/* Takes in which timeline a server is on, as text: its number, its lsn, where it was forked, and
   "parent" where that is known; each with what is before it. Whether it is another timeline than
   the one that was known last. */
bool fl_history_note_timeline(struct fl_history *history, const char *text);

/* Whether a timeline is another one than the server's, as far as both are known. A standby that
   names an earlier one may only be behind, or late in saying so. */
bool fl_history_differs(const struct fl_history *history, uint32_t timeline);

/* Whether the server has all that a server of another timeline had written up to a place in its
   WAL, so that who was there by then has missed nothing and has had nothing that is not here. */
bool fl_history_continues(const struct fl_history *history, uint32_t timeline, uint64_t lsn);

/* Another history begins: the table was made again, or its sequence was set back. */
void fl_history_restart(struct fl_history *history);

/* Takes in the smallest seq of a log whose state does not say up to where it is empty. Below the
   horizon, as it was before the statement that asked, none can appear. */
void fl_history_note_smallest(struct fl_history *history, int64_t smallest, int64_t horizon);

/* Takes in the text of an int8multirange, such as {[1,5),[7,8)}; false: out of memory. */
bool fl_history_note_deleted(struct fl_history *history, const char *text);
bool fl_history_note_ranges(struct fl_ranges *ranges, const char *text);

/* Takes in what the sequence says (-1: not allowed to ask). A sequence never goes back on its own
   accord: true, if it did, so that another history has begun and nothing known of the horizon
   holds. */
bool fl_history_note_last_given(struct fl_history *history, int64_t last_given, int64_t high_water);

/* Takes in up to where the WAL is on disk (0: not known), behind what the sequence and the WAL said
   in the same statement. */
void fl_history_note_flushed(struct fl_history *history, uint64_t flushed);

/* The highest seq known to have been assigned for good before a tick read pg_locks: the largest row
   that it saw, the highest that was trimmed, or what was durable before it. */
int64_t fl_history_high_water(const struct fl_history *history, int64_t durable);

/* Whether the log can give everything after a place. `high_water`: of the horizon. */
struct fl_gap fl_history_gap(const struct fl_history *history, int64_t high_water,
                             struct fl_place place);

/* The same where it is known one by one what was deleted, and `lost` says whether any of that was
   not delivered. */
struct fl_gap fl_history_exact_gap(const struct fl_history *history, int64_t high_water,
                                   struct fl_place place, bool lost);

void fl_history_free(struct fl_history *history);

/* The reason as Lua sees it; NULL for FL_GAP_NONE. */
const char *fl_gap_name(enum fl_gap_reason reason);

#endif
