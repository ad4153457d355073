/* The gap rule, case by case: what is known of a log, and what follows for a place in it. */
#include "history.h"

#include "tap.h"

#include <stddef.h>
#include <string.h>

#define UNKNOWN -1
#define AT(log, timeline, seq, lsn) {log, timeline, seq, lsn, false}

struct scene {
  const char *name;
  bool has_state;
  int64_t last_given, trimmed_to, largest, high_water;
  uint32_t log_oid, timeline;
  struct fl_place place;
  enum fl_gap_reason reason;
  int64_t upto;
};

static const struct scene scenes[] = {
    /* name, has_state, last_given, trimmed_to, largest, high_water, log, timeline, place, gap,
       upto */
    {"an empty log and its beginning", true, 0, 0, UNKNOWN, 0, 9, 1,
     AT(9, 1, 0, 0), FL_GAP_NONE, 0},
    {"everything after the place is there",
     true,
     20,
     10,
     20,
     20,
     9,
     1,
     AT(9, 1, 10, 0),
     FL_GAP_NONE,
     20},
    {"the next change was deleted", true, 20, 11, 20, 20, 9, 1,
     AT(9, 1, 10, 0), FL_GAP_TRIMMED, 11},
    {"all was deleted", true, 20, 20, UNKNOWN, 20, 9, 1, AT(9, 1, 19, 0), FL_GAP_TRIMMED, 20},
    {"all was deleted, and delivered before",
     true,
     20,
     20,
     UNKNOWN,
     20,
     9,
     1,
     AT(9, 1, 20, 0),
     FL_GAP_NONE,
     20},
    {"the place is ahead of the log", true, 20, 0, 20, 20, 9, 1, AT(9, 1, 21, 0), FL_GAP_RESET, 20},
    {"numbers that were rolled back count as given",
     true,
     25,
     0,
     20,
     20,
     9,
     1,
     AT(9, 1, 25, 0),
     FL_GAP_NONE,
     25},
    {"without a right on the sequence the largest seq counts",
     true,
     UNKNOWN,
     0,
     20,
     0,
     9,
     1,
     AT(9, 1, 21, 0),
     FL_GAP_RESET,
     20},
    {"without it a tick that saw more counts",
     true,
     UNKNOWN,
     0,
     20,
     30,
     9,
     1,
     AT(9, 1, 30, 0),
     FL_GAP_NONE,
     30},
    {"without it, what was trimmed counts",
     true,
     UNKNOWN,
     40,
     UNKNOWN,
     0,
     9,
     1,
     AT(9, 1, 40, 0),
     FL_GAP_NONE,
     40},
    {"without it an empty log that gave nothing proves nothing",
     true,
     UNKNOWN,
     0,
     UNKNOWN,
     0,
     9,
     1,
     AT(9, 1, 7, 0),
     FL_GAP_NONE,
     0},
    {"with it, it does", true, 0, 0, UNKNOWN, 0, 9, 1, AT(9, 1, 7, 0), FL_GAP_RESET, 0},
    {"a sequence that was set back is trusted over the trims",
     true,
     5,
     20,
     5,
     5,
     9,
     1,
     AT(9, 1, 30, 0),
     FL_GAP_RESET,
     5},
    {"a place on another timeline", true, 20, 0, 20, 20, 9, 2,
     AT(9, 1, 10, 0), FL_GAP_FAILOVER, 20},
    {"a failover outweighs a trim", true, 20, 15, 20, 20, 9, 2,
     AT(9, 1, 10, 0), FL_GAP_FAILOVER, 20},
    {"a place without a timeline", true, 20, 0, 20, 20, 9, 2, AT(9, 0, 10, 0), FL_GAP_NONE, 20},
    {"a server without a timeline", true, 20, 0, 20, 20, 9, 0, AT(9, 1, 10, 0), FL_GAP_NONE, 20},
    {"another table of that name", true, 20, 0, 20, 20, 8, 1, AT(9, 1, 10, 0), FL_GAP_RESET, 20},
    {"a place of which the table is not known",
     true,
     20,
     0,
     20,
     20,
     8,
     1,
     AT(0, 1, 10, 0),
     FL_GAP_NONE,
     20},
    {"the largest numbers",
     true,
     INT64_MAX,
     INT64_MAX,
     UNKNOWN,
     INT64_MAX,
     9,
     1,
     AT(9, 1, INT64_MAX - 1, 0),
     FL_GAP_TRIMMED,
     INT64_MAX},
};

static struct fl_history history_of(const struct scene *scene) {
  struct fl_history history;
  fl_history_init(&history);
  history.log_oid = scene->log_oid;
  history.timeline = scene->timeline;
  history.has_state = scene->has_state;
  history.last_given = scene->last_given;
  history.trimmed_to = scene->trimmed_to;
  history.largest = scene->largest;
  return history;
}

static void test_gaps(void) {
  size_t i;
  for (i = 0; i < sizeof scenes / sizeof *scenes; i++) {
    struct fl_history history = history_of(&scenes[i]);
    struct fl_gap gap = fl_history_gap(&history, scenes[i].high_water, scenes[i].place);
    if (!ok(gap.reason == scenes[i].reason && gap.upto == scenes[i].upto, "%s", scenes[i].name))
      note("reason %d, up to %lld", gap.reason, (long long)gap.upto);
  }
}

/* What a tick can take for given before it read the locks. */
static void test_high_water(void) {
  static const struct {
    const char *name;
    bool has_state;
    int64_t last_given, trimmed_to, largest, durable, expected;
  } cases[] = {
      {"an empty log", true, 0, 0, UNKNOWN, UNKNOWN, 0},
      {"the largest row that it saw", true, 9, 0, 9, 7, 9},
      {"a number that was given for good, although its row is not there", true, 9, 0, 5,
       8, 8},
      {"not a number that was given since", true, 12, 0, 5, 5, 5},
      {"what was trimmed", true, 9, 9, UNKNOWN, UNKNOWN, 9},
      {"on a plain log the trims are a guess, and do not count", false, 9, 8, 5, UNKNOWN, 5},
      {"nor do the trims of a log that was made again", true, 3, 20, 3, UNKNOWN, 3},
      {"nor what its sequence said before", true, 3, 20, UNKNOWN, 20, 0},
      {"without a right on the sequence", true, UNKNOWN, 4, 5, UNKNOWN, 5},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scene scene = {"",
                          cases[i].has_state,
                          cases[i].last_given,
                          cases[i].trimmed_to,
                          cases[i].largest,
                          0,
                          0,
                          0,
                          AT(0, 0, 0, 0),
                          FL_GAP_NONE,
                          0};
    struct fl_history history = history_of(&scene);
    int64_t high_water = fl_history_high_water(&history, cases[i].durable);
    if (!ok(high_water == cases[i].expected, "the high water: %s", cases[i].name))
      note("it is %lld", (long long)high_water);
  }
}

/* What the sequence says at a place in the WAL, and up to where that is on disk. */
static int64_t durable_after(struct fl_history *history, int64_t given, uint64_t written,
                             uint64_t flushed) {
  history->last_given = given;
  history->lsn = written;
  fl_history_note_flushed(history, flushed);
  return history->durable;
}

static void test_durable(void) {
  struct fl_history history;
  fl_history_init(&history);
  ok(durable_after(&history, 10, 100, 100) == 10, "what is on disk is given for good");
  ok(durable_after(&history, 20, 200, 150) == 10, "what is not may be given again");
  ok(durable_after(&history, 30, 300, 199) == 10, "it is not yet");
  ok(durable_after(&history, 40, 400, 200) == 20, "later it is, but not what was given since");
  ok(durable_after(&history, 40, 400, 400) == 40, "that comes with the next look");
  ok(durable_after(&history, 50, 0, 0) == 40, "a server that does not tell leaves it at that");
  fl_history_restart(&history);
  ok(history.durable == 0, "another history begins with nothing");
}

static void test_last_given(void) {
  struct fl_history history;
  fl_history_init(&history);
  ok(!fl_history_note_last_given(&history, 10, 0), "a sequence goes on");
  ok(!fl_history_note_last_given(&history, 10, 10), "a sequence stands still");
  ok(fl_history_note_last_given(&history, 9, 10),
     "a sequence that goes back begins another history");
  ok(!fl_history_note_last_given(&history, UNKNOWN, 10), "one that cannot be asked says nothing");
  ok(history.last_given == UNKNOWN, "what it said last is kept");
}

static void test_names(void) {
  ok(fl_gap_name(FL_GAP_NONE) == NULL && strcmp(fl_gap_name(FL_GAP_TRIMMED), "trimmed") == 0 &&
         strcmp(fl_gap_name(FL_GAP_RESET), "reset") == 0 &&
         strcmp(fl_gap_name(FL_GAP_FAILOVER), "failover") == 0,
     "each reason has its name");
}

static void test_deleted(void) {
  struct fl_history history;
  fl_history_init(&history);
  ok(fl_history_note_deleted(&history, "{[1,5),[7,8),[10,9007199254740995)}") &&
         history.deleted.count == 3 && history.deleted.list[0].first == 1 &&
         history.deleted.list[0].last == 4 && history.deleted.list[1].first == 7 &&
         history.deleted.list[1].last == 7 && history.deleted.list[2].last == 9007199254740994,
     "what was deleted is read from its text");
  ok(fl_history_note_deleted(&history, "{[7") && history.deleted.count == 1 &&
         history.deleted.list[0].first == 7 && history.deleted.list[0].last == INT64_MAX - 1,
     "a range that breaks off has no end");
  ok(fl_history_note_deleted(&history, "{}") && history.deleted.count == 0, "nothing was");
  ok(fl_history_note_deleted(&history, NULL) && history.deleted.count == 0, "it is not known");
  fl_history_free(&history);
}

static void test_exact(void) {
  struct fl_history history;
  struct fl_place place = AT(9, 1, 5, 0);
  fl_history_init(&history);
  history.log_oid = 9;
  history.last_given = 20;
  history.trimmed_to = 10;
  ok(fl_history_exact_gap(&history, 20, place, false).reason == FL_GAP_NONE,
     "what was delivered before it was deleted is no gap");
  ok(fl_history_exact_gap(&history, 20, place, true).reason == FL_GAP_TRIMMED &&
         fl_history_exact_gap(&history, 20, place, true).upto == 10,
     "what was not, is one");
}

static void test_smallest(void) {
  struct fl_history history;
  fl_history_init(&history);
  fl_history_note_smallest(&history, 8, 5);
  ok(history.empty_to == 5, "the log is empty up to the horizon, since a lower seq may appear");
  fl_history_note_smallest(&history, 8, 20);
  ok(history.empty_to == 7, "up to the smallest seq, where that is settled");
  fl_history_note_smallest(&history, UNKNOWN, 15);
  ok(history.empty_to == 15, "up to the horizon, where there is no seq");
  fl_history_note_smallest(&history, 3, 2);
  ok(history.empty_to == 15, "it never goes back");
  fl_history_restart(&history);
  ok(history.empty_to == 0, "but in another history");
}

/* Whether a server goes on from another timeline, by what it says of its own. */
static void test_timelines(void) {
  static const struct {
    const char *server;
    uint32_t timeline;
    uint64_t lsn;
    bool continues;
  } cases[] = {{"2 0/5000100 0/4000028", 1, 0x4000028, true},
               {"2 0/5000100 0/4000028", 1, 0x4000029, false},
               {"2 0/5000100 0/4000028", 1, 0, false},
               {"2 5/5000100 5/4000028", 1, 0x504000028, true},
               {"2 5/5000100 5/4000028", 1, 0x604000028, false},
               {"2 0/5000100", 1, 0x4000028, false},
               {"2", 1, 0x4000028, false},
               {"", 1, 0x4000028, false},
               {"1 0/5000100 0/4000028", 0, 0x4000028, false},
               {"3 0/5000100 0/4000028", 1, 0x4000028, false},
               {"3 0/5000100 0/4000028", 2, 0x4000028, false},
               {"3 0/5000100 0/4000028 parent", 2, 0x4000028, true},
               {"3 0/5000100 0/4000028 parent", 1, 0x4000028, false},
               {"1 0/5000100 0/4000028 parent", 2, 0x4000028, false}};
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fl_history history;
    fl_history_init(&history);
    ok(!fl_history_note_timeline(&history, cases[i].server) &&
           fl_history_continues(&history, cases[i].timeline, cases[i].lsn) == cases[i].continues,
       "%u@%llx %s on '%s'", cases[i].timeline, (unsigned long long)cases[i].lsn,
       cases[i].continues ? "goes on" : "does not go on", cases[i].server);
  }
}

static void test_another_timeline(void) {
  struct fl_history history;
  fl_history_init(&history);
  ok(!fl_history_note_timeline(&history, "1 0/300") && history.timeline == 1 &&
         history.lsn == 0x300 && history.forked_at == 0,
     "the first timeline is not another one");
  ok(fl_history_note_timeline(&history, "2 0/500 0/400"), "the second is");
  ok(!fl_history_note_timeline(&history, "2 0/600 0/400"), "told again it is the same");
  ok(!fl_history_note_timeline(&history, NULL) && history.timeline == 0 && history.lsn == 0,
     "one that is not told is not known");
  ok(!fl_history_note_timeline(&history, "2 0/700") && history.lsn == 0x700, "then it is again");
  ok(!fl_history_note_timeline(&history, "") && fl_history_note_timeline(&history, "3 0/800"),
     "and another one is another one, whatever was not told between");
}

int main(void) {
  test_timelines();
  test_another_timeline();
  test_deleted();
  test_exact();
  test_smallest();
  test_gaps();
  test_high_water();
  test_durable();
  test_last_given();
  test_names();
  return tap_end();
}
