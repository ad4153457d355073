/* The horizon, case by case: who is open at each tick, and what is settled then. */
#include "horizon.h"

#include "tap.h"

#include <string.h>

#define NONE INT64_MAX /* of gone_low: no writer has gone */
#define MOST_TICKS 8

struct tick {
  const char *writers; /* "3/7" or, prepared, "-1/900p", as the core reads them from pg_locks; NULL:
                          no tick */
  int64_t top;
  int64_t settled, gone_low; /* expected */
};

struct scene {
  const char *name;
  struct tick ticks[MOST_TICKS];
};

static const struct scene scenes[] = {
    {"nobody writes: all that is visible is settled", {{"", 5, 5, NONE}, {"", 9, 9, NONE}}},
    {"an empty log", {{"", 0, 0, NONE}, {"3/7", 0, 0, NONE}, {"3/7", 4, 0, NONE}, {"", 6, 6, 0}}},
    {"the writers of the first tick hold everything until they have gone",
     {{"3/7", 50, 0, NONE}, {"3/7", 60, 0, NONE}, {"", 70, 70, 0}}},
    {"after them the tops of the ticks hold",
     {{"3/7", 50, 0, NONE}, {"4/2", 60, 50, 0}, {"4/2", 70, 50, NONE}, {"", 80, 80, 50}}},
    {"one of the first two goes: the other holds",
     {{"3/7 4/2", 50, 0, NONE}, {"4/2", 60, 0, 0}, {"", 60, 60, 0}}},
    {"a writer holds the top of the tick before the one that saw it",
     {{"", 10, 10, NONE}, {"3/7", 20, 10, NONE}, {"3/7", 30, 10, NONE}, {"", 40, 40, 10}}},
    {"the oldest of several holds",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 4/2", 30, 10, NONE},
      {"3/7 4/2 5/1", 40, 10, NONE},
      {"4/2 5/1", 50, 20, 10},
      {"5/1", 60, 30, 20},
      {"", 70, 70, 30}}},
    {"the younger goes first: what has gone may have committed, what is open holds",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 4/2", 30, 10, NONE},
      {"3/7", 40, 10, 20},
      {"", 50, 50, 10}}},
    {"a backend's next transaction is another writer",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/8", 30, 20, 10},
      {"3/9", 40, 30, 20},
      {"", 40, 40, 30}}},
    {"the same local number in another backend is another writer",
     {{"", 10, 10, NONE}, {"3/7", 20, 10, NONE}, {"4/7", 30, 20, 10}, {"", 40, 40, 20}}},
    {"a savepoint rolled back lets the lock go; taken again it is a new writer",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"", 30, 30, 10},
      {"3/7", 40, 30, NONE},
      {"", 50, 50, 30}}},
    {"a writer that came and went between two ticks was never seen",
     {{"", 10, 10, NONE}, {"", 30, 30, NONE}}},
    {"a writer named twice is one",
     {{"", 10, 10, NONE},
      {"3/7 3/7", 20, 10, NONE},
      {"3/7 4/2 3/7 4/2 4/2", 30, 10, NONE},
      {"4/2", 40, 20, 10},
      {"", 50, 50, 20}}},
    {"the order of the list means nothing",
     {{"", 10, 10, NONE},
      {"9/1 3/7", 20, 10, NONE},
      {"4/2 3/7 9/1", 30, 10, NONE},
      {"9/1 4/2", 40, 10, 10},
      {"4/2", 50, 20, 10}}},
    {"the largest numbers",
     {{"", 10, 10, NONE},
      {"2147483647/4294967295", 20, 10, NONE},
      {"2147483647/4294967294", INT64_MAX, 20, 10},
      {"", INT64_MAX, INT64_MAX, 20}}},
    {"one prepared keeps its name and its bound while its backend goes on (since PostgreSQL 14.1)",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7p", 30, 10, NONE},
      {"3/7p 3/8", 40, 10, NONE},
      {"3/8", 50, 30, 10},
      {"", 60, 60, 30}}},
    {"one prepared while pg_locks was being read stands there twice under one name",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 3/7p", 30, 10, NONE},
      {"3/7p", 40, 10, NONE},
      {"", 50, 50, 10}}},
    {"a restart of the server changes the name of one prepared, and keeps its bound",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7p", 30, 10, NONE},
      {"-1/900p", 40, 10, 10},
      {"", 50, 50, 10}}},
    {"also where somebody else has its old name by then",
     {{"", 10, 10, NONE},
      {"3/7p", 20, 10, NONE},
      {"-1/900p 3/7", 30, 10, NONE},
      {"-1/900p", 40, 10, 10},
      {"", 50, 50, 10}}},
    {"PREPARE changes a writer's name, and keeps its bound (before PostgreSQL 14.1)",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7", 30, 10, NONE},
      {"-1/900p", 40, 10, 10},
      {"-1/900p", 50, 10, NONE},
      {"", 60, 60, 10}}},
    {"one prepared that nobody saw before has the bound of a new writer",
     {{"", 10, 10, NONE}, {"-1/900p", 20, 10, NONE}, {"-1/900p", 30, 10, NONE}, {"", 40, 40, 10}}},
    {"one prepared before the first tick holds everything",
     {{"-1/900p", 50, 0, NONE}, {"-1/900p", 60, 0, NONE}, {"", 70, 70, 0}}},
    {"a writer of the first tick that is prepared holds everything still",
     {{"3/7", 50, 0, NONE}, {"-1/900p", 60, 0, 0}, {"-1/900p", 70, 0, NONE}, {"", 80, 80, 0}}},
    {"of two that go, one prepared may be either",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 4/2", 30, 10, NONE},
      {"-1/900p", 40, 10, 10},
      {"", 50, 50, 10}}},
    {"two prepared at once have the lower bound each",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 4/2", 30, 10, NONE},
      {"-1/901p -1/900p", 40, 10, 10},
      {"-1/901p", 50, 10, 10},
      {"", 60, 60, 10}}},
    {"while an older writer goes on, one prepared may be that one under a new name",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 4/2", 30, 10, NONE},
      {"3/7 -1/900p", 40, 10, 20},
      {"3/7 -1/900p", 50, 10, NONE},
      {"-1/900p", 60, 10, 10},
      {"", 70, 70, 10}}},
    {"prepared ones that overlap do not hand their bounds on for ever",
     {{"", 10, 10, NONE},
      {"3/1", 20, 10, NONE},
      {"-1/900p", 30, 10, 10},
      {"-1/900p 3/2", 40, 10, NONE},
      {"-1/900p -1/901p", 50, 10, 30},
      {"-1/901p 3/3", 60, 30, 10},
      {"-1/901p -1/902p", 70, 30, 50},
      {"-1/902p", 80, 50, 30}}},
    {"a new session's writer does not take over what a prepared one has",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"-1/900p 3/8", 30, 10, 10},
      {"3/8", 40, 20, 10},
      {"", 50, 50, 20}}},
    {"one prepared while pg_locks was being read stands there under both names, and keeps its "
     "bound",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7 -1/900p", 40, 10, NONE},
      {"-1/900p", 50, 10, 10},
      {"", 60, 60, 10}}},
    {"the same with a tick that shows nothing new in between the two names",
     {{"", 10, 10, NONE},
      {"3/7", 20, 10, NONE},
      {"3/7", 30, 10, NONE},
      {"3/7 5/1 -1/900p", 40, 10, NONE},
      {"5/1 -1/900p", 50, 10, 10},
      {"5/1 -1/900p", 60, 10, NONE},
      {"5/1", 70, 30, 10},
      {"", 80, 80, 30}}},
    {"a log that was emptied: neither top nor horizon go back",
     {{"", 10, 10, NONE},
      {"3/7", 0, 10, NONE},
      {"3/7 4/2", 0, 10, NONE},
      {"", 0, 10, 10},
      {"4/3", 12, 10, NONE},
      {"", 13, 13, 10}}},
    {"a trim takes the highest: what was seen stays seen",
     {{"", 100, 100, NONE}, {"3/7", 40, 100, NONE}, {"4/2", 120, 100, 100}, {"", 121, 121, 100}}},
};

/* Names the writers of a list such as "3/7 -1/900p". */
static bool name_writers(struct fl_horizon *horizon, const char *text) {
  while (*text) {
    char *end;
    int32_t backend = (int32_t)strtol(text, &end, 10);
    uint32_t local = (uint32_t)strtoul(end + 1, &end, 10);
    bool prepared = *end == 'p';
    if (!fl_horizon_writer(horizon, backend, local, prepared)) return false;
    text = end + prepared;
    while (*text == ' ') text++;
  }
  return true;
}

static bool as_expected(const struct fl_horizon *horizon, const struct tick *tick, int number) {
  if (horizon->seq == tick->settled && horizon->gone_low == tick->gone_low) return true;
  return note("tick %d (%s): settled %lld instead of %lld, gone_low %lld instead of %lld",
              number + 1, tick->writers, (long long)horizon->seq, (long long)tick->settled,
              (long long)horizon->gone_low, (long long)tick->gone_low);
}

static void test_scenes(void) {
  size_t i;
  for (i = 0; i < sizeof scenes / sizeof *scenes; i++) {
    struct fl_horizon horizon;
    int number;
    bool fine = true;
    memset(&horizon, 0, sizeof horizon);
    for (number = 0; number < MOST_TICKS && scenes[i].ticks[number].writers; number++) {
      const struct tick *tick = &scenes[i].ticks[number];
      fl_horizon_begin(&horizon);
      fine &= name_writers(&horizon, tick->writers);
      fl_horizon_end(&horizon, tick->top);
      fine &= as_expected(&horizon, tick, number);
    }
    ok(fine && horizon.ticks == (uint64_t)number, "%s", scenes[i].name);
    fl_horizon_free(&horizon);
  }
}

static void tick_once(struct fl_horizon *horizon, const char *writers, int64_t top) {
  fl_horizon_begin(horizon);
  name_writers(horizon, writers);
  fl_horizon_end(horizon, top);
}

/* A tick that failed half-way through its list is begun again. */
static void test_begin_again(void) {
  struct fl_horizon horizon;
  memset(&horizon, 0, sizeof horizon);
  tick_once(&horizon, "", 10);
  tick_once(&horizon, "3/7", 20);
  fl_horizon_begin(&horizon);
  name_writers(&horizon, "5/5 6/6");
  tick_once(&horizon, "3/7 4/2", 30);
  ok(horizon.ticks == 3 && horizon.open.count == 2 && horizon.seq == 10,
     "a tick begun again forgets what it was told");
  fl_horizon_free(&horizon);
  ok(horizon.ticks == 0 && horizon.seq == 0 && !horizon.open.list && !horizon.next.list,
     "freed, it is as new");
  tick_once(&horizon, "3/7", 30);
  ok(horizon.seq == 0 && horizon.gone_low == NONE, "and a first tick is a first tick again");
  fl_horizon_free(&horizon);
}

/* Local ids begin anew with the server: what is shown under an old name may be somebody else. */
static void test_reconnected(void) {
  struct fl_horizon horizon;
  memset(&horizon, 0, sizeof horizon);
  tick_once(&horizon, "", 10);
  tick_once(&horizon, "3/7p", 20);
  fl_horizon_reconnected(&horizon);
  tick_once(&horizon, "3/7p -1/900p", 30);
  tick_once(&horizon, "-1/900p", 40);
  ok(horizon.seq == 10,
     "after a restart one prepared keeps its bound, though another has its name");
  tick_once(&horizon, "", 50);
  ok(horizon.seq == 50 && horizon.gone_low == 10, "until it has gone");
  fl_horizon_free(&horizon);
}

static void tick_with_xid(struct fl_horizon *horizon, bool under_way, int64_t top) {
  fl_horizon_begin(horizon);
  fl_horizon_writer(horizon, 3, 7, false);
  fl_horizon_xid(horizon, under_way);
  fl_horizon_end(horizon, top);
}

/* A writer whose commit is visible, and whose locks are still there. */
static void test_ended(void) {
  struct fl_horizon horizon;
  memset(&horizon, 0, sizeof horizon);
  tick_once(&horizon, "", 10);
  tick_with_xid(&horizon, true, 20);
  ok(horizon.gone_low == NONE && horizon.seq == 10, "a writer under way holds the horizon");
  tick_with_xid(&horizon, false, 30);
  ok(horizon.gone_low == 10 && horizon.seq == 10,
     "ended, it counts as gone, and holds the horizon until its lock has gone");
  tick_once(&horizon, "3/7", 40);
  ok(horizon.gone_low == 10 && horizon.seq == 10, "also where its xid's lock has gone first");
  tick_once(&horizon, "", 50);
  ok(horizon.gone_low == 10 && horizon.seq == 50, "then everything is settled");
  tick_once(&horizon, "3/8", 60);
  tick_once(&horizon, "3/8", 70);
  ok(horizon.gone_low == NONE, "one that never had an xid has not ended");
  fl_horizon_free(&horizon);
}

static void test_awaited(void) {
  struct fl_horizon horizon;
  memset(&horizon, 0, sizeof horizon);
  tick_once(&horizon, "3/7 4/2", 50);
  ok(fl_horizon_pending(&horizon, 1, 50) == 2, "the writers of the first tick are awaited");
  ok(fl_horizon_pending(&horizon, 1, 0) == 0, "but by nobody who wants nothing");
  ok(fl_horizon_pending(&horizon, 2, 50) == 0, "nor by one who knew them before");
  tick_once(&horizon, "4/2 5/1", 60);
  ok(fl_horizon_pending(&horizon, 1, 50) == 1,
     "one of them has gone, and the new one has only seqs above");
  ok(fl_horizon_pending(&horizon, 2, 60) == 1, "the new one is awaited for what its tick saw");
  tick_once(&horizon, "5/1", 70);
  ok(fl_horizon_pending(&horizon, 1, 50) == 0 && fl_horizon_pending(&horizon, 1, 70) == 1,
     "all of the first have gone");
  fl_horizon_free(&horizon);
}

static void test_emptied(void) {
  struct fl_horizon horizon;
  memset(&horizon, 0, sizeof horizon);
  tick_once(&horizon, "3/7", 50);
  fl_horizon_emptied(&horizon, 60);
  ok(horizon.seq == 0, "what was emptied after the tick is not settled by it");
  fl_horizon_emptied(&horizon, 40);
  ok(horizon.seq == 40, "an open writer has written nothing that is emptied");
  tick_once(&horizon, "3/7", 60);
  ok(horizon.seq == 40, "and holds the horizon there");
  tick_once(&horizon, "", 60);
  ok(horizon.seq == 60 && horizon.gone_low == 40, "until it has gone");
  fl_horizon_free(&horizon);
}

/* Ten thousand writers, each of whom stays open for ten ticks. */
static void test_many(void) {
  struct fl_horizon horizon;
  bool fine = true;
  int tick;
  memset(&horizon, 0, sizeof horizon);
  for (tick = 0; tick < 100; tick++) {
    int id;
    fl_horizon_begin(&horizon);
    for (id = 10000 * (tick + 1); id > 10000 * tick; id -= 10)
      fine &= fl_horizon_writer(&horizon, id % 997,
                                (uint32_t)(id / 10000 * 10000 > id - 5000 ? tick / 10 : tick / 20),
                                false);
    fl_horizon_end(&horizon, 100 * (tick + 1));
    fine &= horizon.seq <= 100 * tick && horizon.open.count <= 1000;
  }
  fl_horizon_begin(&horizon);
  fl_horizon_end(&horizon, 20000);
  ok(fine && horizon.seq == 20000 && horizon.gone_low < 10000, "a thousand writers at a time");
  fl_horizon_free(&horizon);
}

int main(void) {
  test_scenes();
  test_begin_again();
  test_reconnected();
  test_ended();
  test_awaited();
  test_emptied();
  test_many();
  return tap_end();
}
