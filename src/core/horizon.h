/* Who can still commit a lower seq: pure arithmetic over what each tick saw.

   A writer holds RowExclusiveLock on the log from before its first nextval until after its commit is
   visible. So a writer first seen by a tick has only seqs above the highest seq that the tick before
   saw, and a writer gone by a tick has all its rows visible to any later statement. */
#ifndef FORGELOG_HORIZON_H
#define FORGELOG_HORIZON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_writer {
  int64_t id;    /* virtual transaction: backend << 32 | local id */
  int64_t low;   /* all its open seqs are above this */
  uint64_t tick; /* that saw it first */
  bool prepared; /* it belongs to no backend any more */
  bool under_way; /* a tick saw it with an xid that had not ended */
  bool ended;     /* the tick saw what it wrote: only its locks are still there */
};

struct fl_writers {
  struct fl_writer *list; /* ascending by id */
  size_t count, room;
};

struct fl_horizon {
  struct fl_writers open, next; /* as of the last tick; being read by this one */
  int64_t top;                  /* highest seq seen by a tick: L */
  int64_t settled;              /* the horizon: at or below it nothing can still appear */
  int64_t gone_low;             /* lowest bound of the writers gone, or ended, at the last tick */
  uint64_t ticks;               /* so far; the writers of the first have no known lower bound */
};

/* A tick: begin, name each writer (false: out of memory, begin again), end with the highest visible seq. */
void fl_horizon_begin(struct fl_horizon *horizon);
bool fl_horizon_writer(struct fl_horizon *horizon, int32_t backend, uint32_t local, bool prepared);
/* The writer named last has an xid, under way or ended for the tick's snapshot. What an ended one wrote has to be read
   before the seqs of whoever wrote the same row after it. */
void fl_horizon_xid(struct fl_horizon *horizon, bool under_way);
void fl_horizon_end(struct fl_horizon *horizon, int64_t top);
/* After a loss of the connection the server may be another process, where ids come again. */
void fl_horizon_reconnected(struct fl_horizon *horizon);

/* How many writers open now, first seen by this tick or a later one, may commit a seq at or below `upto`. */
size_t fl_horizon_awaited(const struct fl_horizon *horizon, uint64_t tick, int64_t upto);

void fl_horizon_free(struct fl_horizon *horizon);

#endif
