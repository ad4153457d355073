/* Who can still commit a lower seq: pure arithmetic over what each tick saw.

   A writer holds RowExclusiveLock on the log from before its first nextval until after its commit
   is visible. So a writer that a tick sees for the first time only has seqs above those that were
   given when the tick before read the locks, and all rows of a writer that is gone are visible to
   any later statement. The horizon is what Kafka calls the last stable offset and Marten the
   high-water mark. */
#ifndef FORGELOG_HORIZON_H
#define FORGELOG_HORIZON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_writer {
  int64_t id;     /* virtual transaction: backend << 32 | local id */
  int64_t low;    /* all its open seqs are above this */
  uint64_t tick;  /* the number of the tick that saw it first */
  bool prepared;  /* a prepared transaction: no backend runs it any more */
  bool under_way; /* a tick saw it with an xid whose transaction had not ended */
  bool ended;     /* the tick saw what it wrote, although its locks were still there */
};

struct fl_writers {
  struct fl_writer *list; /* ascending by id */
  size_t count, room;
};

struct fl_horizon {
  struct fl_writers open; /* as of the last tick */
  struct fl_writers next; /* those that the tick under way has named so far */
  int64_t high_water;     /* highest seq known to be given by a tick: L */
  int64_t seq;            /* the horizon: at or below it nothing can still appear */
  int64_t gone_low; /* lowest bound of the writers that were gone, or had ended, at the last tick */
  uint64_t ticks;   /* so far; writers seen by the first one have no known lower bound */
};

/* A tick: begin, name each writer (false: out of memory, begin again), then end it with a seq such
   that it and all below were given before the locks were read. */
void fl_horizon_begin(struct fl_horizon *horizon);
bool fl_horizon_writer(struct fl_horizon *horizon, int32_t backend, uint32_t local, bool prepared);
/* The writer named last has an xid, whose transaction was under way, or had ended, after that seq
   was given. Rows of a writer that has ended must be read before those of whoever wrote the same
   row after it. */
void fl_horizon_xid(struct fl_horizon *horizon, bool under_way);
void fl_horizon_end(struct fl_horizon *horizon, int64_t high_water);
/* Up to this seq nothing can appear any more, as the log itself says: whoever empties it at once
   holds all writers off, so its word reaches further than their bounds do. */
void fl_horizon_emptied(struct fl_horizon *horizon, int64_t empty_to);
/* To be called after the connection was lost: the server may be another process by now, in which
   the same ids mean other transactions. */
void fl_horizon_reconnected(struct fl_horizon *horizon);

/* How many open writers, first seen by this tick or a later one, may still commit a seq up to
   `upto`. */
size_t fl_horizon_pending(const struct fl_horizon *horizon, uint64_t tick, int64_t upto);

void fl_horizon_free(struct fl_horizon *horizon);

#endif
