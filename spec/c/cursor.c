/* A reader's place in the log: its text, its ranges, and what it does when there are too many of
   them. */
#include "cursor.h"
#include "named.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

#define NUMBERS 2000 /* seqs of the comparison with plain marks */

/* ---- text ---- */

static const char *const texts[] = {
    "0:0",     "1:0",        "1:15",          "4294967295:9223372036854775806",
    "1:15:17", "1:15:17-20", "1:15:17-20,22", "1:15:17,19,21-9223372036854775806",
    "1:15@0/3000060", "1:15:17,19@FFFFFFFF/FFFFFFFF", "1:15:17-20@1/0",
    "1:15=12+1-3/9f3c.7a", "1:15:17-20,22@1/0~12+3,5-8,10/ffffffffffffffff.0", "2:15!0+15/0.1^",
};

static void test_round_trips(void) {
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct fl_cursor cursor;
    char *text = malloc(FL_POSITION_SIZE);
    const char *wrong;
    memset(&cursor, 0, sizeof cursor);
    wrong = fl_cursor_parse(&cursor, texts[i]);
    if (!wrong) fl_cursor_print(&cursor, text);
    ok(!wrong && strcmp(text, texts[i]) == 0 && cursor.next == cursor.base,
       "%s is read and written", texts[i]);
    fl_cursor_free(&cursor);
    free(text);
  }
}

static const struct {
  const char *text;
  uint32_t timeline;
  int64_t base, has, has_not;
} readings[] = {
    {"0", 0, 0, 0, 1},
    {"15", 0, 15, 15, 16},
    {"9223372036854775806", 0, INT64_MAX - 1, INT64_MAX - 1, INT64_MAX},
    {"007", 0, 7, 7, 8},
    {"2:15:17-20,22", 2, 15, 20, 16},
    {"2:15:17-20,22", 2, 15, 22, 21},
    {"2:15:17-20,22", 2, 15, 17, 23},
    {"2:15:16", 2, 15, 16, 17},
};

static void test_readings(void) {
  size_t i;
  for (i = 0; i < sizeof readings / sizeof *readings; i++) {
    struct fl_cursor cursor;
    memset(&cursor, 0, sizeof cursor);
    ok(!fl_cursor_parse(&cursor, readings[i].text) && cursor.timeline == readings[i].timeline &&
           cursor.base == readings[i].base && fl_cursor_has(&cursor, readings[i].has) &&
           !fl_cursor_has(&cursor, readings[i].has_not),
       "%s has %lld and not %lld", readings[i].text, (long long)readings[i].has,
       (long long)readings[i].has_not);
    fl_cursor_free(&cursor);
  }
}

static const char *const malformed[] = {
    "",
    " ",
    "x",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x10",
    "15 ",
    " 15",
    "15\n",
    "1:",
    ":1",
    ":",
    "::",
    "1::",
    "1::3",
    "1:2:",
    "1:2:,",
    "1:2:3,",
    "1:2:,3",
    "1:2:3,,5",
    "1:2:3-",
    "1:2:-3",
    "1:2:3--5",
    "1:2:3-5-7",
    "1:2:3-5,",
    "1:2:3;5",
    "1:2:3 ,5",
    "1:2:3:4",
    "1:2:x",
    "1:2:3x",
    "1:-2",
    "-1:2",
    "1:2:-3-5",
    "1 :2",
    "1: 2",
    "nil",
    "1:2:5-4",
    "1:2:2",
    "1:2:1",
    "1:2:1-5",
    "1:2:0",
    "1:2:5,4",
    "1:2:5,5",
    "1:2:5-7,7",
    "1:2:5-7,6-9",
    "1:2:9,3-4",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999",
    "1:9223372036854775807",
    "1:2:9223372036854775807",
    "1:2:3-9223372036854775807",
    "1:2:3-9223372036854775808",
    "4294967296:1",
    "9999999999:1",
    "15:16:17:18",
    "\xef\xbc\x91",
    "15@0/3",
    "0:15@0/3",
    "1:15@",
    "1:15@3",
    "15=12+1-3/9f3c.7a",
    "1:15=12",
    "1:15=12+",
    "1:15=12+0/9f3c.7a",
    "1:15=12+3,3/9f3c.7a",
    "1:15=12+3-1/9f3c.7a",
    "1:15=12+3,/9f3c.7a",
    "1:15=-1+3/9f3c.7a",
    "1:15=4611686018427387904+3/9f3c.7a",
    "1:15=12+3/9f3c",
    "1:15=12+3/9f3c.",
    "1:15=12+3/9f3c.7A",
    "1:15=12+3/12345678901234567.7a",
    "1:15=12+3/9f3c.7a^^",
    "1:15=12+3/9f3c.7a@0/3",
    "1:15=12+1-200001/9f3c.7a",
    "1:15@/3",
    "1:15@0/",
    "1:15@0/0",
    "1:15@0/3 ",
    "1:15@0/3:17",
    "1:15@0/3@0/3",
    "1:15@0/-3",
    "1:15@0/x3",
    "1:15@0/123456789",
    "1:15@123456789/0",
    "1:@0/3",
    "1:15:@0/3",
    "1:15:17,@0/3",
    "1:15:17-@0/3",
};

static void test_malformed(void) {
  size_t i;
  bool fine = true;
  for (i = 0; i < sizeof malformed / sizeof *malformed; i++) {
    struct fl_cursor cursor;
    memset(&cursor, 0, sizeof cursor);
    fl_cursor_parse(&cursor, "1:2:4,6");
    if (!fl_cursor_parse(&cursor, malformed[i])) fine = note("'%s' is accepted", malformed[i]);
    if (cursor.ranges || cursor.count || cursor.base)
      fine = note("'%s' leaves something behind", malformed[i]);
    fl_cursor_free(&cursor);
  }
  ok(fine, "%zu malformed texts are refused, and leave nothing behind", i);
}

/* Whatever bytes come: they are refused, or what is read from them is written and read the same
   again. */
static void test_noise(long count) {
  static const char letters[] = "0123456789:,-:,-:,-12345 x";
  uint64_t seed = 7;
  long i, accepted = 0;
  bool fine = true;
  for (i = 0; fine && i < count; i++) {
    struct fl_cursor cursor, again;
    size_t length = (size_t)pick(&seed, 24), at;
    char *text = malloc(length + 1), first[FL_POSITION_SIZE], second[FL_POSITION_SIZE];
    memset(&cursor, 0, sizeof cursor);
    memset(&again, 0, sizeof again);
    for (at = 0; at < length; at++) text[at] = letters[pick(&seed, sizeof letters - 1)];
    text[length] = '\0';
    if (!fl_cursor_parse(&cursor, text)) {
      accepted++;
      fl_cursor_print(&cursor, first);
      if (fl_cursor_parse(&again, first)) fine = note("'%s' is written as '%s'", text, first);
      fl_cursor_print(&again, second);
      if (strcmp(first, second) != 0)
        fine = note("'%s' turns from '%s' into '%s'", text, first, second);
    }
    fl_cursor_free(&cursor);
    fl_cursor_free(&again);
    free(text);
  }
  ok(fine && accepted > count / 100, "%ld texts by chance, %ld of them positions", i, accepted);
}

/* ---- ranges ---- */

static bool well_formed(const struct fl_cursor *cursor) {
  size_t i;
  int64_t above = cursor->base;
  for (i = 0; i < cursor->count; i++) {
    if (cursor->ranges[i].first <= above || cursor->ranges[i].last < cursor->ranges[i].first)
      return false;
    above = cursor->ranges[i].last + 1; /* never touching */
  }
  return true;
}

static bool same_marks(const struct fl_cursor *cursor, const bool *handed) {
  int64_t seq;
  for (seq = 1; seq <= NUMBERS; seq++)
    if (fl_cursor_has(cursor, seq) != handed[seq]) return note("seq %lld", (long long)seq);
  return true;
}

/* What settling promises to hold afterwards: nothing below the new base is still to come. */
static void settle_by_marks(struct fl_cursor *cursor, bool *handed, int64_t settled, int64_t next,
                            int64_t back) {
  int64_t base = settled < next ? settled : next, seq;
  if (back < base) base = back;
  cursor->next = next;
  cursor->rescan_from = back;
  fl_cursor_settle(cursor, settled);
  for (seq = 1; seq <= base && seq <= NUMBERS; seq++) handed[seq] = true;
}

static bool compare_run(uint64_t seed, int steps) {
  struct fl_cursor cursor;
  bool handed[NUMBERS + 1] = {true}, fine = true;
  int64_t around = 1;
  char text[FL_POSITION_SIZE];
  memset(&cursor, 0, sizeof cursor);
  fl_cursor_parse(&cursor, "1:0");
  while (fine && steps-- > 0) {
    int64_t seq = 1 + pick(&seed, NUMBERS);
    if (pick(&seed, 4) > 0 && around < NUMBERS) seq = around += pick(&seed, 2) + 1;
    if (seq > NUMBERS) seq = NUMBERS;
    if (pick(&seed, 60) == 0) {
      int64_t next = 1 + pick(&seed, NUMBERS);
      settle_by_marks(&cursor, handed, pick(&seed, around + 1), next,
                      pick(&seed, 3) ? INT64_MAX : pick(&seed, NUMBERS));
    } else {
      int64_t base = cursor.base;
      fine = fl_cursor_deliver(&cursor, seq) && cursor.base == base;
      handed[seq] = true;
    }
    fine = fine && well_formed(&cursor);
    if (steps % 50 == 0) fine = fine && same_marks(&cursor, handed);
    if (steps % 97 == 0 && cursor.count <= FL_RANGES_SAVED) {
      fl_cursor_print(&cursor, text);
      fine = fine && !fl_cursor_parse(&cursor, text);
    }
    if (around >= NUMBERS) around = 1;
  }
  fine = fine && same_marks(&cursor, handed);
  fl_cursor_free(&cursor);
  return fine;
}

static void test_against_marks(long runs) {
  long run;
  bool fine = true;
  for (run = 1; fine && run <= runs; run++)
    fine = compare_run((uint64_t)run * 7919, 1500) || note("seed %ld * 7919", run);
  ok(fine, "%ld runs against one mark for each seq, saved and restored now and then", run - 1);
}

/* ---- too many ranges ---- */

static void test_too_many_to_save(void) {
  struct fl_cursor cursor, restored;
  char *text = malloc(FL_POSITION_SIZE);
  int64_t seq = INT64_MAX - 1;
  int i;
  memset(&restored, 0, sizeof restored);
  memset(&cursor, 0, sizeof cursor);
  fl_cursor_parse(&cursor, "4294967295:9000000000000000000");
  for (i = 0; i < FL_RANGES_SAVED; i++, seq -= 3) { /* the longest text there is */
    fl_cursor_deliver(&cursor, seq);
    fl_cursor_deliver(&cursor, seq - 1);
  }
  fl_cursor_print(&cursor, text);
  ok(!fl_cursor_parse(&restored, text) && restored.count == FL_RANGES_SAVED &&
         strlen(text) < FL_POSITION_SIZE,
     "%d ranges are saved, in %zu bytes", FL_RANGES_SAVED, strlen(text));
  fl_cursor_deliver(&cursor, seq);
  fl_cursor_print(&cursor, text);
  ok(strcmp(text, "4294967295:9000000000000000000") == 0, "one more, and only the base is");
  ok(!fl_cursor_parse(&restored, text) && !fl_cursor_has(&restored, INT64_MAX - 1),
     "from which everything is handed out again");
  fl_cursor_free(&restored);
  fl_cursor_free(&cursor);
  free(text);
}

static void test_too_many_to_keep(void) {
  struct fl_cursor cursor;
  int64_t seq, last = 2 * (FL_RANGES_KEPT + 1000), forgotten = 0;
  bool fine = true;
  memset(&cursor, 0, sizeof cursor);
  fl_cursor_parse(&cursor, "1:7");
  for (seq = 9; seq <= last; seq += 2) {
    fine &= fl_cursor_deliver(&cursor, seq) && fl_cursor_has(&cursor, seq) &&
            cursor.count <= FL_RANGES_KEPT;
    if (cursor.count == FL_RANGES_KEPT)
      fine &= fl_cursor_has(&cursor, 9) && !fl_cursor_has(&cursor, 10);
  }
  ok(fine && cursor.base == 7, "%d ranges are kept, and more leave the base where it was",
     FL_RANGES_KEPT);
  for (seq = 8; seq <= last + 1; seq++) {
    if (seq % 2 == 0) fine &= !fl_cursor_has(&cursor, seq);
    if (seq % 2 == 1) forgotten += !fl_cursor_has(&cursor, seq);
  }
  ok(fine && forgotten >= FL_RANGES_KEPT,
     "what was not handed out is not taken for it; %lld that were are forgotten",
     (long long)forgotten);
  cursor.next = last;
  cursor.rescan_from = 11;
  fl_cursor_settle(&cursor, last);
  ok(cursor.base == 11 && cursor.count > 0,
     "the base goes no further than the writers that have gone");
  cursor.rescan_from = INT64_MAX;
  fl_cursor_settle(&cursor, last);
  ok(cursor.base == last && cursor.count <= 1, "and up to all that is settled once they were read");
  fl_cursor_free(&cursor);
}

/* A position's text with more ranges than are kept. */
static void test_long_text(void) {
  const int ranges = FL_RANGES_KEPT + 500;
  char *text = malloc((size_t)ranges * 8 + 32), *at = text;
  struct fl_cursor cursor;
  int i;
  memset(&cursor, 0, sizeof cursor);
  at += sprintf(at, "1:2:4");
  for (i = 1; i < ranges; i++) at += sprintf(at, ",%d", 4 + 2 * i);
  ok(!fl_cursor_parse(&cursor, text) && cursor.count <= FL_RANGES_KEPT && cursor.base == 2 &&
         cursor.next == 2 && fl_cursor_has(&cursor, 4 + 2 * (ranges - 1)) &&
         !fl_cursor_has(&cursor, 5),
     "a position of %d ranges is read", ranges);
  fl_cursor_free(&cursor);
  free(text);
}

static struct fl_ranges ranges_of(const char *text) {
  struct fl_ranges ranges = {NULL, 0, 0};
  struct fl_cursor cursor;
  size_t i;
  memset(&cursor, 0, sizeof cursor);
  fl_cursor_parse(&cursor, text);
  for (i = 0; i < cursor.count; i++)
    fl_ranges_append(&ranges, cursor.ranges[i].first, cursor.ranges[i].last);
  fl_cursor_free(&cursor);
  return ranges;
}

/* Which of some seqs a cursor was not delivered. */
static void test_lacks(void) {
  static const struct {
    const char *cursor, *seqs;
    int64_t above;
    bool lacks;
  } cases[] = {{"1:5", "1:0:1-5", 0, false},
               {"1:5", "1:0:1-6", 0, true},
               {"1:5", "1:0:1-6", 6, false},
               {"1:5:7-9", "1:0:1-5,7-9", 0, false},
               {"1:5:7-9", "1:0:1-9", 0, true},
               {"1:5:7-9", "1:0:1-9", 6, false},
               {"1:5:7-9", "1:0:7-10", 0, true},
               {"1:5:7-9", "1:0:8", 0, false},
               {"1:5:7-9,11-20", "1:0:7-8,12-20", 0, false},
               {"1:5:7-9,11-20", "1:0:7-8,10,12-20", 0, true},
               {"1:5:7-9,11-20", "1:0:21", 0, true},
               {"1:5:7-9", "1:0", 0, false}};
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fl_ranges seqs = ranges_of(cases[i].seqs);
    struct fl_cursor cursor;
    memset(&cursor, 0, sizeof cursor);
    fl_cursor_parse(&cursor, cases[i].cursor);
    ok(fl_cursor_lacks(&cursor, &seqs, cases[i].above) == cases[i].lacks,
       "%s %s some of %s above %d", cases[i].cursor, cases[i].lacks ? "lacks" : "has none missing",
       cases[i].seqs, (int)cases[i].above);
    fl_ranges_free(&seqs);
    fl_cursor_free(&cursor);
  }
}

/* Ranges delivered as a whole, against the same one by one. */
static void test_whole_ranges(int rounds) {
  struct fl_cursor whole, single;
  bool same = true;
  memset(&whole, 0, sizeof whole);
  memset(&single, 0, sizeof single);
  while (rounds-- > 0) {
    int64_t first = rand() % 60, last = first + rand() % 6, seq;
    if (rounds % 20 == 0) {
      fl_cursor_parse(&whole, "1:9");
      fl_cursor_parse(&single, "1:9");
    }
    fl_cursor_deliver_range(&whole, first, last);
    for (seq = first; seq <= last; seq++) fl_cursor_deliver(&single, seq);
    same &= whole.count == single.count && (whole.count == 0 ||
            memcmp(whole.ranges, single.ranges, whole.count * sizeof *whole.ranges) == 0);
  }
  ok(same, "a range delivered as a whole is one delivered seq by seq");
  fl_cursor_free(&whole);
  fl_cursor_free(&single);
}

/* ---- taking out, and what two have in common ---- */

static bool prints(const struct fl_cursor *cursor, const char *expected) {
  static char text[FL_POSITION_SIZE];
  fl_cursor_print(cursor, text);
  return strcmp(text, expected) == 0 || note("it is %s", text);
}

static void test_take_out(void) {
  static const struct {
    const char *cursor;
    int64_t seqs[4];
    size_t count;
    const char *left;
  } cases[] = {{"1:15", {10}, 1, "1:9:11-15"},
               {"1:15", {15}, 1, "1:14"},
               {"1:15", {1}, 1, "1:0:2-15"},
               {"1:15", {12, 10, 11}, 3, "1:9:13-15"},
               {"1:15", {14, 10, 14, 10}, 4, "1:9:11-13,15"},
               {"1:15:17-20", {18}, 1, "1:15:17,19-20"},
               {"1:15:17-20", {20, 3, 17}, 3, "1:2:4-15,18-19"},
               {"1:15:17-20,22", {22, 16, 21, 23}, 4, "1:15:17-20"},
               {"1:15:17", {16}, 1, "1:15:17"},
               {"1:15", {0, -1, INT64_MIN, INT64_MAX}, 4, "1:15"},
               {"1:0", {0, 1}, 2, "1:0"},
               {"15:20@0/30", {25}, 1, "15:20"},
               {"15:20:22@0/30", {22}, 1, "15:20"},
               {"15:20@0/30", {0}, 0, "15:20@0/30"},
               {"1:3:9223372036854775806", {INT64_MAX - 1}, 1, "1:3"},
               {"1:9223372036854775806", {5}, 1, "1:4:6-9223372036854775806"}};
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fl_cursor cursor;
    int64_t seqs[4];
    memset(&cursor, 0, sizeof cursor);
    memcpy(seqs, cases[i].seqs, sizeof seqs);
    fl_cursor_parse(&cursor, cases[i].cursor);
    ok(fl_cursor_take_out(&cursor, seqs, cases[i].count) && prints(&cursor, cases[i].left) &&
           cursor.next == cursor.base,
       "%s without %lld and others, %zu in all, is %s", cases[i].cursor,
       (long long)cases[i].seqs[0], cases[i].count, cases[i].left);
    fl_cursor_free(&cursor);
  }
}

static void test_intersect(void) {
  static const struct {
    const char *one, *other, *both;
  } cases[] = {{"1:15", "1:10", "1:10"},
               {"1:15", "1:10:12-20,22", "1:10:12-15"},
               {"1:15:17-30", "1:10:12-20,22", "1:10:12-15,17-20,22"},
               {"1:10:12-20", "1:11", "1:10"},
               {"1:10:13-20", "1:10:12,21", "1:10"},
               {"1:0:5-9", "1:0:5-9", "1:0:5-9"},
               {"1:5:6-9", "1:7", "1:7"},
               {"3:15@0/30", "2:15@0/30", "2:15"},
               {"2:15@0/30", "2:12@0/40", "2:12@0/40"},
               {"2:15@0/30", "2:15", "2:15"},
               {"1:15~3+1-4/9.7", "1:15~3+1-4/9.7", "1:15~3+1-4/9.7"},
               {"1:15@0/3~3+1-4/9.7", "1:12@0/2~2+2-5/9.7^", "1:12@0/3~2+2-5/9.7^"},
               {"1:15=3+1-4/9.7", "1:15~3+1-4/9.7", "1:15"},
               {"1:15!3+1-4/9.7", "1:15!3+1-4/9.7", "1:15!3+1-4/9.7"},
               {"1:15~3+1-4/9.7", "1:15~3+1-4/8.7", "1:15"},
               {"1:15~3+1-4/9.7", "1:15~3+1-4/9.6", "1:15"},
               {"1:15~3+1-4/9.7", "1:15~3+1-3,5/9.7", "1:15"},
               {"1:15~3+1-4/9.7", "1:15", "1:15"},
               {"1:15~3+1-4/9.7", "2:15~3+1-4/9.7", "1:15"},
               {"2:15@0/30", "0:15", "0:15"},
               {"2:15@0/30", "15:15", "2:15"},
               {"1:9223372036854775806", "1:4:9223372036854775806", "1:4:9223372036854775806"}};
  size_t i;
  for (i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
    const char *one = cases[i / 2].one, *other = cases[i / 2].other, *both = cases[i / 2].both;
    struct fl_cursor cursor, second;
    memset(&cursor, 0, sizeof cursor);
    memset(&second, 0, sizeof second);
    fl_cursor_parse(&cursor, i % 2 ? one : other);
    fl_cursor_parse(&second, i % 2 ? other : one);
    ok(fl_cursor_intersect(&cursor, &second) && prints(&cursor, both) &&
           cursor.next == cursor.base,
       "what %s and %s have is %s", i % 2 ? one : other, i % 2 ? other : one, both);
    fl_cursor_free(&cursor);
    fl_cursor_free(&second);
  }
}

/* A cursor by chance, and its marks. */
static void by_chance(struct fl_cursor *cursor, bool *handed, uint64_t *seed) {
  int64_t seq, base = pick(seed, NUMBERS / 4);
  int ranges = (int)pick(seed, 40);
  char text[32];
  sprintf(text, "1:%lld", (long long)base);
  fl_cursor_parse(cursor, text);
  for (seq = 0; seq <= NUMBERS; seq++) handed[seq] = seq <= base;
  while (ranges-- > 0) {
    int64_t first = 1 + pick(seed, NUMBERS), last = first + pick(seed, 30);
    if (last > NUMBERS) last = NUMBERS;
    fl_cursor_deliver_range(cursor, first, last);
    for (seq = first; seq <= last; seq++) handed[seq] = true;
  }
}

static bool take_out_by_marks(struct fl_cursor *cursor, bool *handed, uint64_t *seed) {
  int64_t seqs[300];
  size_t i, count = (size_t)pick(seed, 300);
  for (i = 0; i < count; i++) {
    seqs[i] = pick(seed, NUMBERS + 20) - 10;
    if (seqs[i] > 0 && seqs[i] <= NUMBERS) handed[seqs[i]] = false;
  }
  return fl_cursor_take_out(cursor, seqs, count) && well_formed(cursor) &&
         same_marks(cursor, handed);
}

static bool intersect_by_marks(struct fl_cursor *cursor, bool *handed, uint64_t *seed) {
  struct fl_cursor other;
  bool its[NUMBERS + 1], fine;
  int64_t seq;
  memset(&other, 0, sizeof other);
  by_chance(&other, its, seed);
  for (seq = 0; seq <= NUMBERS; seq++) handed[seq] = handed[seq] && its[seq];
  fine = fl_cursor_intersect(cursor, &other) && well_formed(cursor) && same_marks(cursor, handed);
  fl_cursor_free(&other);
  return fine;
}

static void test_sets_against_marks(long runs) {
  uint64_t seed = 4711;
  bool fine = true;
  long run;
  for (run = 0; fine && run < runs; run++) {
    struct fl_cursor cursor;
    bool handed[NUMBERS + 1];
    memset(&cursor, 0, sizeof cursor);
    by_chance(&cursor, handed, &seed);
    fine = take_out_by_marks(&cursor, handed, &seed) &&
           intersect_by_marks(&cursor, handed, &seed) && take_out_by_marks(&cursor, handed, &seed);
    if (!fine) note("run %ld", run);
    fl_cursor_free(&cursor);
  }
  ok(fine, "%ld runs of taking out and intersecting against one mark for each seq", run);
}

/* As many seqs as there can be, in an order by chance: more ranges than are kept come of them. */
static void test_take_out_many(void) {
  enum { MANY = 200000 };
  int64_t *seqs = malloc(MANY * sizeof *seqs), i;
  struct fl_cursor cursor;
  uint64_t seed = 12;
  bool fine;
  memset(&cursor, 0, sizeof cursor);
  fl_cursor_parse(&cursor, "1:1000000");
  for (i = 0; i < MANY; i++) seqs[i] = 2 * (1 + i);
  for (i = MANY - 1; i > 0; i--) {
    int64_t at = pick(&seed, i + 1), seq = seqs[at];
    seqs[at] = seqs[i];
    seqs[i] = seq;
  }
  fine = fl_cursor_take_out(&cursor, seqs, FL_RANGES_SAVED);
  ok(fine && cursor.count >= FL_RANGES_SAVED - 10 && cursor.count <= FL_RANGES_SAVED &&
         !fl_cursor_has(&cursor, seqs[0]) && fl_cursor_has(&cursor, seqs[FL_RANGES_SAVED]),
     "%d seqs by chance leave %zu ranges", FL_RANGES_SAVED, cursor.count);
  fine = fl_cursor_take_out(&cursor, seqs, MANY);
  ok(fine && cursor.count == 0 && prints(&cursor, "1:1"), "%d seqs leave only the base", MANY);
  fl_cursor_free(&cursor);
  free(seqs);
}

int main(void) {
  test_take_out();
  test_intersect();
  test_sets_against_marks(scaled(3000));
  test_take_out_many();
  test_lacks();
  test_whole_ranges(scaled(20000));
  test_round_trips();
  test_readings();
  test_malformed();
  test_noise(scaled(300000));
  test_against_marks(scaled(150));
  test_too_many_to_save();
  test_too_many_to_keep();
  test_long_text();
  return tap_end();
}
