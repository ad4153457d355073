/* The horizon on a hot standby: case by case, and with writers, replay and ticks by chance. The
   primary and its standby are played. */
#include "standby.h"

#include "tap.h"

#include <string.h>

#define MOST_TICKS 8

struct scene {
  const char *name;
  struct {
    int64_t seq;
    uint64_t xmin, xmax;
    uint32_t next;
    int64_t settled; /* expected; -1: no more ticks */
  } ticks[MOST_TICKS];
};

#define END \
  { 0, 0, 0, 0, -1 }
#define EPOCH ((uint64_t)1 << 32)
#define LAST_XID 0xffffffffu

static const struct scene scenes[] = {
    {"nothing is under way: all that is visible is settled",
     {{5, 100, 100, 100, 5}, {9, 104, 104, 104, 9}, END}},
    {"an empty log", {{0, 100, 100, 100, 0}, {0, 100, 105, 107, 0}, END}},
    {"what is under way holds back all, until none of it is left",
     {{5, 90, 100, 103, 0},
      {7, 95, 104, 110, 0},
      {8, 103, 112, 112, 5},
      {9, 110, 113, 113, 7},
      END}},
    {"an xid that the snapshot does not show yet counts as under way",
     {{5, 100, 100, 101, 0}, {5, 100, 100, 101, 0}, {5, 101, 101, 101, 5}, END}},
    {"the newest tick whose transactions are over counts, not only the first",
     {{5, 90, 100, 103, 0}, {7, 90, 104, 110, 0}, {8, 115, 120, 121, 7}, END}},
    {"a tick that shows no more than the one before asks for no more",
     {{5, 90, 100, 103, 0}, {5, 90, 104, 110, 0}, {5, 103, 115, 115, 5}, END}},
    {"and one that shows more at the same xid does",
     {{5, 90, 100, 103, 0}, {6, 90, 102, 103, 0}, {6, 103, 115, 115, 6}, END}},
    {"the xid counter wraps",
     {{5, EPOCH - 9, EPOCH - 3, LAST_XID, 0},
      {6, EPOCH - 2, EPOCH - 1, 4, 0},
      {7, EPOCH - 1, EPOCH + 4, 5, 5},
      {8, EPOCH + 4, EPOCH + 5, 5, 6},
      {9, EPOCH + 5, EPOCH + 5, 5, 9},
      END}},
    {"on the other side of it, far from a snapshot's xmin",
     {{5, EPOCH - 2000000000, EPOCH + 7, 9, 0}, {5, EPOCH + 9, EPOCH + 9, 9, 5}, END}},
    {"in a later epoch, over the half of it",
     {{5, 3 * EPOCH + 0x7fffffff, 3 * EPOCH + 0x7fffffff, 0x80000001u, 0},
      {6, 3 * EPOCH + 0x80000001u, 3 * EPOCH + 0x80000001u, 0x80000001u, 6},
      END}},
};

static void play(const struct scene *scene) {
  struct fl_standby standby;
  bool right = true;
  int i;
  fl_standby_restart(&standby);
  for (i = 0; scene->ticks[i].settled >= 0; i++) {
    struct fl_standby_tick tick = {scene->ticks[i].seq, scene->ticks[i].xmin, scene->ticks[i].xmax,
                                   scene->ticks[i].next, 0};
    fl_standby_note(&standby, tick);
    if (standby.horizon != scene->ticks[i].settled)
      right = note("tick %d: %lld is settled", i + 1, (long long)standby.horizon);
  }
  ok(right, "%s", scene->name);
}

static void remembers_few(void) {
  struct fl_standby standby;
  int64_t seq, behind;
  fl_standby_restart(&standby);
  for (seq = 1; seq <= 100000; seq++) {
    struct fl_standby_tick tick = {seq, 50, 100 + (uint64_t)seq, (uint32_t)(100 + seq), 0};
    fl_standby_note(&standby, tick);
  }
  ok(standby.count <= FL_STANDBY_TICKS && standby.horizon == 0,
     "beside a transaction that stays open few ticks are remembered");
  struct fl_standby_tick after = {100001, 100 + 99999, 200200, 200201, 0};
  fl_standby_note(&standby, after);
  behind = 99999 - standby.horizon;
  ok(behind >= 0 && behind <= 1, "and when it ends, the newest counts (%lld behind)",
     (long long)behind);
}

static void tells_changes(void) {
  struct fl_standby standby;
  struct fl_standby_tick tick = {5, 100, 103, 103, 0x1000};
  fl_standby_restart(&standby);
  ok(fl_standby_note(&standby, tick) && !fl_standby_note(&standby, tick),
     "nothing has changed where nothing was replayed");
  tick.replayed = 0x1001;
  ok(fl_standby_note(&standby, tick), "within the bounds of a snapshot it may have");
  tick.xmin = 101;
  ok(fl_standby_note(&standby, tick), "what was replayed may be told a moment late");
  tick.replayed = 0;
  ok(fl_standby_note(&standby, tick) && fl_standby_note(&standby, tick),
     "where it is not told, everything may have changed");
}

static void reads_text(void) {
  struct fl_standby_tick tick;
  ok(!fl_standby_parse(&tick, NULL), "a server that was promoted says nothing");
  ok(fl_standby_parse(&tick, "4294967290 4294967299 7") && tick.xmin == 4294967290u &&
         tick.xmax == EPOCH + 3 && tick.next == 7,
     "a tick as the server tells it");
}

/* ---- by chance ---- */

#define WRITERS 9
#define MOST_SEQS 4000
#define MOST_EVENTS 40000

/* What the WAL says: that an xid was given, and is part of a transaction; that * one has ended. */
struct event {
  enum { SEEN, FOLDED, ENDED } kind;
  uint64_t xid, of; /* FOLDED: the snapshots show the subtransaction no more, as
                       when they overflow */
  bool committed;
};

static struct {
  uint64_t seed, next_xid, first_xid;
  struct {
    uint64_t xid; /* 0: none yet */
    int patience;
  } writers[WRITERS];
  struct event wal[MOST_EVENTS];
  int written, replayed;
  int64_t last;                    /* seq given */
  uint64_t owner[MOST_SEQS + 1];   /* of each seq */
  char running[MOST_EVENTS + 100]; /* on the standby, by xid - first_xid */
  char shown[MOST_EVENTS + 100];   /* and in its snapshots */
  char committed[MOST_EVENTS + 100];
  uint64_t observed, completed; /* the highest xid that the standby has seen, and seen end */
} world;

static bool one_in(int64_t n) { return pick(&world.seed, n) == 0; }

static void write_wal(struct event event) {
  if (world.written < MOST_EVENTS) world.wal[world.written++] = event;
}

static uint64_t give_xid(void) {
  while (world.next_xid % EPOCH < 3) world.next_xid++;
  return world.next_xid++;
}

/* One writer goes on: it gets its xid, which is in the WAL at once or at the latest before its
   first seq; takes seqs, perhaps in a subtransaction; ends. */
static void write_some(void) {
  int i = (int)pick(&world.seed, WRITERS);
  uint64_t *xid = &world.writers[i].xid;
  if (!*xid) {
    *xid = give_xid();
    world.writers[i].patience = one_in(80) ? 100 : 4;
    if (one_in(3)) return; /* others are in the WAL before it */
  }
  write_wal((struct event){SEEN, *xid, *xid, false});
  if (!one_in(world.writers[i].patience)) {
    if (one_in(4)) {
      uint64_t sub = give_xid();
      write_wal((struct event){SEEN, sub, *xid, false});
      if (one_in(2)) write_wal((struct event){FOLDED, sub, *xid, false});
    }
    if (world.last < MOST_SEQS) world.owner[++world.last] = *xid;
    return;
  }
  write_wal((struct event){ENDED, *xid, *xid, !one_in(4)});
  *xid = 0;
}

static size_t place(uint64_t xid) { return (size_t)(xid - world.first_xid); }

static uint64_t parents[MOST_EVENTS + 100];

static void replay_one(void) {
  struct event event;
  uint64_t xid;
  if (world.replayed == world.written) return;
  event = world.wal[world.replayed++];
  if (event.kind == SEEN) {
    parents[place(event.xid)] = event.of;
    for (xid = world.observed + 1; xid <= event.xid; xid++)
      if (xid % EPOCH >= 3) world.running[place(xid)] = world.shown[place(xid)] = 1;
    if (event.xid > world.observed) world.observed = event.xid;
  } else if (event.kind == FOLDED) {
    world.shown[place(event.xid)] = 0;
  } else {
    for (xid = event.xid; xid <= world.observed; xid++) {
      if (xid != event.xid && parents[place(xid)] != event.xid) continue;
      world.running[place(xid)] = world.shown[place(xid)] = 0;
      world.committed[place(xid)] = event.committed;
      if (xid > world.completed) world.completed = xid;
    }
  }
}

static bool is_visible(int64_t seq) {
  uint64_t owner = world.owner[seq];
  return owner <= world.observed && world.committed[place(owner)];
}

static uint64_t normal(uint64_t xid) {
  while (xid % EPOCH < 3) xid++;
  return xid;
}

static void meanwhile(void) {
  int64_t n = pick(&world.seed, 6);
  while (n-- > 0) {
    if (one_in(3)) write_some();
    if (!one_in(4)) replay_one();
  }
}

static struct fl_standby_tick look(void) {
  struct fl_standby_tick tick = {world.last, 0, 0, 0, 0};
  while (tick.seq > 0 && !is_visible(tick.seq)) tick.seq--;
  tick.xmax = normal(world.completed + 1);
  for (tick.xmin = world.first_xid; tick.xmin < tick.xmax; tick.xmin++)
    if (world.shown[place(tick.xmin)]) break;
  meanwhile();
  tick.next = (uint32_t)normal(world.observed + 1);
  return tick;
}

/* Whether nothing can still appear up to a seq: its writers have ended on the * standby. */
static bool is_settled(int64_t seq) {
  for (; seq > 0; seq--)
    if (world.owner[seq] > world.observed || world.running[place(world.owner[seq])]) return false;
  return true;
}

static struct { long ticks, held, early, behind; } did;

static bool run(uint64_t seed) {
  struct fl_standby standby, fooled;
  int64_t reached = 0;
  memset(&world, 0, sizeof world);
  memset(parents, 0, sizeof parents);
  world.seed = seed;
  world.first_xid = world.next_xid = (seed % 2 ? 7 : 1) * EPOCH - 60;
  world.observed = world.completed = world.first_xid - 1;
  fl_standby_restart(&standby);
  fl_standby_restart(&fooled);
  while (world.last < MOST_SEQS && world.written < MOST_EVENTS - 100) {
    struct fl_standby_tick tick;
    int64_t before = standby.horizon;
    meanwhile();
    tick = look();
    fl_standby_note(&standby, tick);
    did.ticks++;
    did.held += standby.horizon < tick.seq;
    if (standby.horizon < before) return note("the horizon fell");
    if (!is_settled(standby.horizon))
      return note("seq %lld is not settled", (long long)standby.horizon);
    tick.next = (uint32_t)tick.xmax;
    fl_standby_note(&fooled, tick);
    did.early += !is_settled(fooled.horizon);
    reached = standby.horizon;
  }
  did.behind += world.last - reached;
  while (world.replayed < world.written) replay_one();
  return true;
}

/* As long as one transaction ends after another, the horizon follows them. */
static void by_chance(void) {
  long runs = scaled(60), i;
  bool right = true;
  for (i = 1; right && i <= runs; i++) right = run((uint64_t)i * 2654435761u);
  ok(right,
     "%ld runs, %ld ticks, %ld of them held back: nothing appears below the "
     "horizon",
     runs, did.ticks, did.held);
  ok(did.early > 0, "with a snapshot's xmax in place of the next xid it would: %ld times",
     did.early);
  ok(did.behind / runs < MOST_SEQS / 2, "the horizon follows: at the end %ld behind",
     did.behind / runs);
}

int main(void) {
  size_t i;
  for (i = 0; i < sizeof scenes / sizeof *scenes; i++) play(&scenes[i]);
  remembers_few();
  tells_changes();
  reads_text();
  by_chance();
  return tap_end();
}
