/* The horizon on a hot standby: the seq of the newest tick all of whose transactions are over. */
#include "standby.h"

#include "cursor.h"

#include <stdlib.h>
#include <string.h>

void fl_standby_restart(struct fl_standby *standby) { memset(standby, 0, sizeof *standby); }

/* The next xid with its epoch: of all that have these 32 bits, the one nearest to the snapshot's
   xmax, and never below it. Xids in use lie within half of all that there are. */
static uint64_t full_next(const struct fl_standby_tick *tick) {
  int32_t ahead = (int32_t)(tick->next - (uint32_t)tick->xmax);
  return ahead > 0 ? tick->xmax + (uint64_t)ahead : tick->xmax;
}

/* Forgets every second tick of the older ones: the longer ago, the fewer are left. To forget one is
   always safe, since it only says what is settled earlier than the next one would. */
static void thin(struct fl_standby *standby) {
  size_t from, to = 0;
  for (from = 0; from < standby->count; from++)
    if (from % 2 == 0 || from + 1 == standby->count) standby->marks[to++] = standby->marks[from];
  standby->count = to;
}

static void add_mark(struct fl_standby *standby, int64_t seq, uint64_t next) {
  struct fl_standby_mark *last = standby->count ? &standby->marks[standby->count - 1] : NULL;
  if (seq <= standby->horizon || (last && seq <= last->seq)) return; /* settled with that one */
  if (last && next <= last->next) {
    last->seq = seq;
    return;
  }
  if (standby->count == FL_STANDBY_TICKS) thin(standby);
  standby->marks[standby->count].seq = seq;
  standby->marks[standby->count++].next = next;
}

static void settle(struct fl_standby *standby, uint64_t xmin) {
  size_t over = 0;
  while (over < standby->count && standby->marks[over].next <= xmin) over++;
  if (over == 0) return;
  standby->horizon = standby->marks[over - 1].seq;
  standby->count -= over;
  memmove(standby->marks, standby->marks + over, standby->count * sizeof *standby->marks);
}

/* Two snapshots with the same bounds may differ in between, and what was replayed is told a moment
   after it can be seen. So nothing counts as changed only where neither does. */
static bool same(const struct fl_standby_tick *a, const struct fl_standby_tick *b) {
  return a->replayed && a->replayed == b->replayed && a->seq == b->seq && a->xmin == b->xmin &&
         a->xmax == b->xmax && a->next == b->next;
}

bool fl_standby_note(struct fl_standby *standby, struct fl_standby_tick tick) {
  bool changed = !same(&standby->last, &tick);
  standby->last = tick;
  add_mark(standby, tick.seq, full_next(&tick));
  settle(standby, tick.xmin);
  return changed;
}

bool fl_standby_parse(struct fl_standby_tick *tick, const char *text) {
  char *end;
  if (!text) return false;
  tick->xmin = strtoull(text, &end, 10);
  tick->xmax = strtoull(end, &end, 10);
  tick->next = (uint32_t)strtoull(end, &end, 10);
  tick->replayed = *end == ' ' ? fl_lsn_parse(end + 1) : 0;
  return true;
}
