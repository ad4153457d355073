/* Who can still commit a lower seq, as far as a hot standby can tell: pure arithmetic over what
   each tick saw.

   A standby does not show who writes, but its snapshots show which transactions are over. A writer
   has its xid, and WAL that shows it, before it takes a seq. So a change up to the largest seq that
   a tick sees (L) is visible to that tick, or belongs to a transaction whose xid is below the next
   xid of the standby, when that is read behind the tick's snapshot (N). Once the oldest transaction
   that a snapshot shows as running is not below N, nothing can still appear up to L. */
#ifndef FORGELOG_STANDBY_H
#define FORGELOG_STANDBY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many ticks are remembered. Where a transaction stays open for longer, some in between are
   forgotten: then the horizon rises a little later. */
#define FL_STANDBY_TICKS 64

/* What a tick sees on a standby. */
struct fl_standby_tick {
  int64_t seq;         /* L: it was given, and so were all below */
  uint64_t xmin, xmax; /* of its snapshot, with their epoch */
  uint32_t next;       /* N, without its epoch, read after the snapshot was taken */
  uint64_t replayed;   /* the WAL that was replayed, read after that too; 0: not known */
};

struct fl_standby_mark {
  int64_t seq;   /* settled ... */
  uint64_t next; /* ... as soon as no transaction below this xid is running */
};

struct fl_standby {
  struct fl_standby_mark marks[FL_STANDBY_TICKS]; /* of ticks that wait, both ascending */
  size_t count;
  int64_t horizon;             /* at or below it nothing can still appear */
  struct fl_standby_tick last; /* the tick before */
};

/* Nothing is known: another server, or another log. */
void fl_standby_restart(struct fl_standby *standby);

/* Takes in a tick. Whether statements behind it may see other changes than those behind the tick
   before it; false: nothing was replayed in between, and the horizon is where it was. */
bool fl_standby_note(struct fl_standby *standby, struct fl_standby_tick tick);

/* Reads "xmin xmax next replayed", of which the last may be missing, as a tick brings it. False:
   the server was promoted while it ran, and it says nothing. */
bool fl_standby_parse(struct fl_standby_tick *tick, const char *text);

#endif
