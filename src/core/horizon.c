/* The horizon: the highest seq at or below which no change can still appear. */
#include "horizon.h"

#include <stdlib.h>

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int by_id(const void *left, const void *right) {
  int64_t a = ((const struct fl_writer *)left)->id, b = ((const struct fl_writer *)right)->id;
  return (a > b) - (a < b);
}

void fl_horizon_begin(struct fl_horizon *horizon) { horizon->next.count = 0; }

bool fl_horizon_writer(struct fl_horizon *horizon, int32_t backend, uint32_t local, bool prepared) {
  struct fl_writers *next = &horizon->next;
  struct fl_writer *writer;
  if (next->count == next->room) {
    size_t room = next->room ? next->room * 2 : 16;
    struct fl_writer *list = realloc(next->list, room * sizeof *list);
    if (!list) return false;
    next->list = list;
    next->room = room;
  }
  writer = &next->list[next->count++];
  writer->id = (int64_t)((uint64_t)(uint32_t)backend << 32 | local);
  writer->low = 0;
  writer->prepared = prepared;
  writer->under_way = writer->ended = false;
  return true;
}

void fl_horizon_xid(struct fl_horizon *horizon, bool under_way) {
  struct fl_writer *writer = &horizon->next.list[horizon->next.count - 1];
  writer->under_way = under_way;
  writer->ended = !under_way;
}

/* pg_locks may name a writer twice while its lock moves from the fast path to the lock table. */
static void sort_unique(struct fl_writers *writers) {
  size_t from, to = 0;
  if (writers->count == 0) return;
  qsort(writers->list, writers->count, sizeof *writers->list, by_id);
  for (from = 1; from < writers->count; from++)
    if (writers->list[from].id != writers->list[to].id) writers->list[++to] = writers->list[from];
  writers->count = to + 1;
}

static const struct fl_writer *find(const struct fl_writers *writers,
                                    const struct fl_writer *writer) {
  if (writers->count == 0) return NULL;
  return bsearch(writer, writers->list, writers->count, sizeof *writers->list, by_id);
}

static int64_t lowest_gone(const struct fl_horizon *horizon) {
  int64_t low = INT64_MAX;
  size_t i;
  for (i = 0; i < horizon->open.count; i++)
    if (!find(&horizon->next, &horizon->open.list[i]))
      low = smaller(low, horizon->open.list[i].low);
  return low;
}

/* pg_locks shows backend -1 for an anonymous prepared transaction, which no backend stands for:
   before PostgreSQL 14.1 always, since then only after a restart of the server. */
static bool anonymous(const struct fl_writer *writer) { return writer->id >> 32 == -1; }

static bool still_prepared(const struct fl_horizon *horizon, const struct fl_writer *writer) {
  const struct fl_writer *shown = writer->prepared ? find(&horizon->next, writer) : NULL;
  return shown && shown->prepared;
}

/* An anonymous prepared transaction that is seen for the first time may be any writer of the
   previous tick that has been prepared since, so it inherits the lowest of their bounds. Anonymous
   ones do not inherit from each other, or the bound would never rise. */
static int64_t inherited_bound(const struct fl_horizon *horizon) {
  int64_t low = horizon->high_water;
  size_t i;
  for (i = 0; i < horizon->open.count; i++) {
    const struct fl_writer *writer = &horizon->open.list[i];
    if (!anonymous(writer) && !still_prepared(horizon, writer)) low = smaller(low, writer->low);
  }
  return low;
}

static int64_t first_bound(const struct fl_horizon *horizon, const struct fl_writer *writer) {
  if (horizon->ticks == 1) return 0;
  return anonymous(writer) ? inherited_bound(horizon) : horizon->high_water;
}

static int64_t set_bounds(struct fl_horizon *horizon) {
  int64_t lowest = INT64_MAX;
  size_t i;
  for (i = 0; i < horizon->next.count; i++) {
    struct fl_writer *writer = &horizon->next.list[i];
    const struct fl_writer *known = find(&horizon->open, writer);
    writer->low = known ? known->low : first_bound(horizon, writer);
    writer->tick = known ? known->tick : horizon->ticks;
    writer->ended |=
        known && known->under_way && !writer->under_way; /* the lock on its xid was gone first */
    writer->under_way |= known && known->under_way;
    if (writer->ended) horizon->gone_low = smaller(horizon->gone_low, writer->low);
    if (writer->low < lowest) lowest = writer->low;
  }
  return lowest;
}

void fl_horizon_end(struct fl_horizon *horizon, int64_t high_water) {
  struct fl_writers last = horizon->open;
  int64_t lowest;
  horizon->ticks++;
  sort_unique(&horizon->next);
  horizon->gone_low = lowest_gone(horizon);
  lowest = set_bounds(horizon); /* against the high_water of the tick before */
  horizon->open = horizon->next;
  horizon->next = last;
  if (high_water > horizon->high_water)
    horizon->high_water = high_water; /* else a trim took the highest */
  lowest = smaller(lowest, horizon->high_water);
  if (lowest > horizon->seq) horizon->seq = lowest;
}

void fl_horizon_emptied(struct fl_horizon *horizon, int64_t empty_to) {
  size_t i;
  if (empty_to > horizon->high_water) return;
  for (i = 0; i < horizon->open.count; i++)
    if (horizon->open.list[i].low < empty_to) horizon->open.list[i].low = empty_to;
  if (empty_to > horizon->seq) horizon->seq = empty_to;
}

void fl_horizon_reconnected(struct fl_horizon *horizon) {
  size_t i;
  for (i = 0; i < horizon->open.count; i++)
    horizon->open.list[i].prepared = false; /* any may be anonymous by now */
}

size_t fl_horizon_pending(const struct fl_horizon *horizon, uint64_t tick, int64_t upto) {
  size_t i, count = 0;
  for (i = 0; i < horizon->open.count; i++)
    count += horizon->open.list[i].tick >= tick && horizon->open.list[i].low < upto;
  return count;
}

void fl_horizon_free(struct fl_horizon *horizon) {
  static const struct fl_horizon none;
  free(horizon->open.list);
  free(horizon->next.list);
  *horizon = none;
}
