/* The database as the readers of the log know it, played by a model that keeps, on purpose, the
   unpleasant parts: pg_locks is read in pieces, a commit is visible before its lock is let go,
   PREPARE or a restart after it changes a writer's name, a savepoint rolled back lets the lock
   go. */
#ifndef FORGELOG_WORLD_H
#define FORGELOG_WORLD_H

#include "horizon.h"
#include "tap.h"

#include <string.h>

#define BACKENDS 9
#define PREPARED 6
#define MOST_OPEN 48    /* seqs of one writer */
#define MOST_SEQS 40000 /* of one run */

enum phase {
  IDLE,   /* no transaction */
  OPEN,   /* may write */
  LEAVING /* committed or rolled back, and visible so; the lock is still there */
};

enum lock {
  UNLOCKED,
  FAST,
  SHARED
}; /* where pg_locks finds it: with the backend, or in the one table */

struct writer {
  enum phase phase;
  enum lock lock;
  int32_t backend;
  uint32_t local;
  int64_t seqs[MOST_OPEN];
  int count;
  uint32_t id; /* of the transaction, once it is prepared */
  int saved;   /* seqs at the savepoint; -1: there is none */
  enum lock saved_lock;
};

struct world {
  uint64_t seed;
  struct writer backends[BACKENDS], prepared[PREPARED];
  int64_t last; /* seq given */
  int64_t top;  /* highest seq that is visible; 0: the log is empty */
  int64_t trimmed;
  uint32_t next_id;
  bool keeps_names; /* of prepared ones: as PostgreSQL does since 14.1, until it is restarted */
  int patient;      /* backends with long transactions */
  int pace;         /* how much happens between what the readers do */
  bool quiet;       /* nothing happens any more */
  bool visible[MOST_SEQS + 1], committed[MOST_SEQS + 1];
};

static struct world world;
static struct {
  long steps, commits, rollbacks, savepoints, prepares, ticks, held;
  long reads, delivered, abandoned, trimmed, emptied, restarts, crashes, lost_naively;
} did;

static bool one_in(int64_t chances) { return pick(&world.seed, chances) == 0; }

static void set_top(void) {
  world.top = world.last;
  while (world.top > 0 && !world.visible[world.top]) world.top--;
}

static void make_visible(struct writer *writer) {
  int i;
  for (i = 0; i < writer->count; i++)
    world.visible[writer->seqs[i]] = world.committed[writer->seqs[i]] = true;
  did.commits += writer->count > 0;
  set_top();
}

/* The transaction ends: at once for others to see, but its lock goes later, under another name. */
static void leave(struct writer *writer, bool commit) {
  if (commit) make_visible(writer);
  did.rollbacks += !commit && writer->count > 0;
  writer->count = 0;
  writer->phase = LEAVING;
}

/* It belongs to no backend any more. */
static void rename_prepared(struct writer *writer) {
  writer->backend = -1;
  writer->local = writer->id;
}

static void prepare(struct writer *writer) {
  int i;
  if (world.quiet) return;
  for (i = 0; i < PREPARED; i++)
    if (world.prepared[i].phase == IDLE) {
      if (writer->lock == FAST) writer->lock = SHARED;
      world.prepared[i] = *writer;
      world.prepared[i].id = ++world.next_id;
      if (!world.keeps_names) rename_prepared(&world.prepared[i]);
      writer->phase = IDLE;
      writer->lock = UNLOCKED;
      writer->count = 0;
      did.prepares++;
      return;
    }
}

static void write_rows(struct writer *writer) {
  int rows = 1 + (int)pick(&world.seed, 3);
  while (rows-- > 0 && writer->count < MOST_OPEN && world.last < MOST_SEQS)
    writer->seqs[writer->count++] = ++world.last;
}

static void use_savepoint(struct writer *writer) {
  if (writer->saved < 0) {
    writer->saved = writer->count;
    writer->saved_lock = writer->lock;
    return;
  }
  if (one_in(2)) {
    writer->count = writer->saved;
    if (writer->saved_lock == UNLOCKED) writer->lock = UNLOCKED;
    did.savepoints++;
  }
  writer->saved = -1;
}

static void step_open(struct writer *writer, bool patient) {
  if (writer->lock == UNLOCKED) {
    writer->lock = one_in(4) ? SHARED : FAST;
    return;
  }
  switch (pick(&world.seed, patient ? 120 : 12)) {
    case 0:
    case 1: leave(writer, true); break;
    case 2: leave(writer, false); break;
    case 3: prepare(writer); break;
    case 4:
    case 5: use_savepoint(writer); break;
    case 6: writer->lock = SHARED; break; /* somebody's stronger lock made it move */
    default:
      if (!patient || one_in(10)) write_rows(writer);
  }
}

static void step_backend(int index) {
  struct writer *writer = &world.backends[index];
  switch (writer->phase) {
    case IDLE:
      writer->phase = OPEN;
      writer->local++;
      writer->saved = -1;
      if (one_in(3)) use_savepoint(writer); /* before it has the lock */
      break;
    case OPEN: step_open(writer, index < world.patient); break;
    case LEAVING:
      writer->phase = IDLE;
      writer->lock = UNLOCKED;
      break;
  }
}

static void step_prepared(int index) {
  struct writer *writer = &world.prepared[index];
  if (writer->phase == LEAVING) {
    writer->phase = IDLE;
    writer->lock = UNLOCKED;
  } else if (writer->phase == OPEN && one_in(world.patient > 0 ? 4 : 2))
    leave(writer, !one_in(3));
}

static void step_world(void) {
  int64_t who = pick(&world.seed, BACKENDS + 3);
  if (world.quiet) return;
  did.steps++;
  if (who < BACKENDS)
    step_backend((int)who);
  else
    step_prepared((int)pick(&world.seed, PREPARED));
}

/* Things go on while a reader waits. */
static void meanwhile(int64_t most) {
  int64_t steps = pick(&world.seed, most + 1);
  while (steps-- > 0) step_world();
}

static bool may_still_commit(const struct writer *writer, int64_t upto) {
  int i;
  for (i = 0; writer->phase == OPEN && i < writer->count; i++)
    if (writer->seqs[i] <= upto) return true;
  return false;
}

/* The promise itself: nothing at or below what is settled can still appear. */
static bool truly_settled(int64_t settled) {
  int i;
  for (i = 0; i < BACKENDS; i++)
    if (may_still_commit(&world.backends[i], settled))
      return note("settled %lld, but backend %d may commit below", (long long)settled, i);
  for (i = 0; i < PREPARED; i++)
    if (may_still_commit(&world.prepared[i], settled))
      return note("settled %lld, but one prepared may commit below", (long long)settled);
  return settled <= world.last;
}

static uint32_t name_of(const struct writer *writer) {
  return writer->phase == LEAVING ? 0 : writer->local;
}

/* First the backends one by one, then the common table in one piece. */
static void read_locks(struct fl_horizon *horizon) {
  int i;
  for (i = 0; i < BACKENDS; i++) {
    struct writer *writer = &world.backends[i];
    if (writer->lock == FAST) fl_horizon_writer(horizon, writer->backend, name_of(writer), false);
    if (writer->phase == OPEN && writer->count > 0 && one_in(20))
      prepare(writer); /* now it stands there twice */
    if (one_in(3)) step_world();
  }
  for (i = 0; i < BACKENDS; i++)
    if (world.backends[i].lock == SHARED)
      fl_horizon_writer(horizon, world.backends[i].backend, name_of(&world.backends[i]), false);
  for (i = 0; i < PREPARED; i++)
    if (world.prepared[i].lock != UNLOCKED)
      fl_horizon_writer(horizon, world.prepared[i].backend, world.prepared[i].local, true);
}

#endif
