/* Millions of mutated texts for whatever reads a text: positions, places in the WAL, the ranges of
   what was deleted, timelines and numbers. Each is refused, or means the same when it is written
   and read again; arithmetic on such positions holds, and none is read beyond its end. */
#include "cursor.h"
#include "history.h"
#include "number.h"
#include "tap.h"

#include <math.h>
#include <string.h>

#define LONGEST 200

/* ---- mutations ---- */

/* The text, mutated up to four times, in a block with no room behind it. To be freed. */
static char *mutated(const char *text, uint64_t *seed) {
  static const char letters[] = "0123456789:,-@/[){}. +FEnax\n\x80";
  static const char *const odd[] = {
      "9223372036854775806", "9223372036854775807", "9223372036854775808", "18446744073709551616",
      "4294967295",          "4294967296",          "-1",                  "FFFFFFFF",
      "0",                   "1",                   "00",                  ""};
  char room[LONGEST + 1], *made;
  size_t length = strlen(text);
  int mutations = (int)pick(seed, 5);
  memcpy(room, text, length + 1);
  while (mutations-- > 0) {
    size_t at = (size_t)pick(seed, (int64_t)length + 1), count;
    const char *put = odd[pick(seed, sizeof odd / sizeof *odd)];
    switch (pick(seed, 5)) {
      case 0: /* another letter */
        if (at < length) room[at] = letters[pick(seed, sizeof letters - 1)];
        break;
      case 1: length = at; break;
      case 2: /* letters go missing */
        count = (size_t)pick(seed, (int64_t)(length - at) + 1) % 6;
        memmove(room + at, room + at + count, length - at - count);
        length -= count;
        break;
      case 3: /* an odd number comes in between */
        count = strlen(put);
        if (length + count > LONGEST) break;
        memmove(room + at + count, room + at, length - at);
        memcpy(room + at, put, count);
        length += count;
        break;
      default: /* a part comes twice */
        count = (size_t)pick(seed, (int64_t)(length - at) + 1) % 30;
        if (length + count > LONGEST) break;
        memmove(room + at + count, room + at, length - at);
        length += count;
        break;
    }
    room[length] = '\0';
  }
  made = malloc(length + 1);
  if (!made) abort();
  memcpy(made, room, length);
  made[length] = '\0';
  return made;
}

/* ---- positions ---- */

static const char *const positions[] = {
    "0",
    "15",
    "1:15",
    "1:15:17",
    "1:15:17-20,22",
    "1:0:2,4,6,8,10-12,14,16",
    "4294967295:9223372036854775806",
    "1:15:17,19,21-9223372036854775806",
    "1:15@0/3000060",
    "1:15=12+1-3/9f3c.7a",
    "1:15:17-20,22@1/0~12+3,5-8,10/ffffffffffffffff.0",
    "2:15!0+15/0.1^",
    "2:15:17,19@FFFFFFFF/FFFFFFFF",
    "3:100:110-120,130-140,150-160@1/0",
};

static bool well_formed(const struct fl_cursor *cursor) {
  int64_t above = cursor->base;
  size_t i;
  if (cursor->base < 0) return false;
  for (i = 0; i < cursor->count; i++) {
    const struct fl_range *range = &cursor->ranges[i];
    if (range->first <= above || range->last < range->first || range->last == INT64_MAX)
      return false;
    above = range->last;
  }
  return true;
}

/* Whether it is written in the room that there is for it, and read the same again. */
static bool round_trips(const struct fl_cursor *cursor) {
  struct fl_cursor again;
  size_t room = fl_position_room(cursor);
  char *first = malloc(room), *second = malloc(room);
  bool same;
  if (!first || !second) abort();
  memset(&again, 0, sizeof again);
  fl_cursor_print(cursor, first);
  same = !fl_cursor_parse(&again, first);
  if (same) fl_cursor_print(&again, second);
  same = same && strcmp(first, second) == 0 && again.lsn == cursor->lsn;
  fl_cursor_free(&again);
  free(first);
  free(second);
  return same;
}

/* A seq at which something may change: at the border of a range, or beside it. */
static int64_t border(const struct fl_cursor *cursor, uint64_t *seed) {
  size_t at = (size_t)pick(seed, (int64_t)cursor->count + 1);
  int64_t seq = at == 0              ? cursor->base
                : pick(seed, 2) == 0 ? cursor->ranges[at - 1].first
                                     : cursor->ranges[at - 1].last;
  seq += pick(seed, 3) - 1;
  return seq < 1 ? 1 : seq == INT64_MAX ? INT64_MAX - 1 : seq;
}

/* What two of them have in common, what one is without some seqs, and with more of them. */
static bool adds_up(const struct fl_cursor *a, const struct fl_cursor *b, uint64_t *seed) {
  struct fl_cursor both, less, more;
  int64_t out[3], in = border(b, seed), probe;
  bool fine;
  int i;
  for (i = 0; i < 3; i++) out[i] = border(pick(seed, 2) ? a : b, seed);
  if (!fl_cursor_copy(&both, a) || !fl_cursor_copy(&less, a) || !fl_cursor_copy(&more, a)) abort();
  if (!fl_cursor_intersect(&both, b) || !fl_cursor_take_out(&less, out, 3) ||
      !fl_cursor_deliver(&more, in))
    abort();
  fine = well_formed(&both) && well_formed(&less) && well_formed(&more) && round_trips(&less);
  for (i = 0; fine && i < 6; i++) {
    bool taken;
    probe = i < 3 ? out[i] : border(i < 5 ? a : b, seed);
    taken = probe == out[0] || probe == out[1] || probe == out[2];
    fine = fl_cursor_has(&both, probe) == (fl_cursor_has(a, probe) && fl_cursor_has(b, probe)) &&
           fl_cursor_has(&less, probe) == (fl_cursor_has(a, probe) && !taken) &&
           fl_cursor_has(&more, probe) == (fl_cursor_has(a, probe) || probe == in);
  }
  fl_cursor_settle(&more, in);
  fine = fine && well_formed(&more) && fl_cursor_has(&more, in) && round_trips(&more);
  fl_cursor_free(&both);
  fl_cursor_free(&less);
  fl_cursor_free(&more);
  return fine;
}

static void test_positions(long count) {
  struct fl_cursor cursor, last;
  uint64_t seed = 20261129;
  long i, accepted = 0;
  bool fine = true;
  memset(&cursor, 0, sizeof cursor);
  memset(&last, 0, sizeof last);
  for (i = 0; fine && i < count; i++) {
    char *text = mutated(positions[pick(&seed, sizeof positions / sizeof *positions)], &seed);
    if (fl_cursor_parse(&cursor, text)) {
      fine = !cursor.ranges && cursor.count == 0 && cursor.base == 0 && cursor.lsn == 0;
    } else {
      accepted++;
      fine = well_formed(&cursor) && round_trips(&cursor) &&
             (pick(&seed, 4) || adds_up(&cursor, &last, &seed));
      if (pick(&seed, 8) == 0) {
        fl_cursor_free(&last);
        if (!fl_cursor_copy(&last, &cursor)) abort();
      }
    }
    if (!fine) note("'%s', the %ldth", text, i);
    free(text);
  }
  fl_cursor_free(&cursor);
  fl_cursor_free(&last);
  ok(fine && accepted > count / 20 && accepted < count - count / 20,
     "%ld mutated positions, %ld of them still positions", i, accepted);
}

/* ---- what a server says in texts ---- */

static const char *const said[] = {
    "{}",          "{[1,5)}",       "{[1,5),[7,8),[10,9223372036854775807)}", "{[-3,2)}",
    "0/3000060",   "FFFFFFFF/0",    "1 0/3000060 0/2000000 parent",           "7 0/3000060",
    "2 1/0 0/60",  "-1.5e300",      "0.1",                                    "NaN",
    "-Infinity",   "123456789.125", "9007199254740993",                       "1e-320",
};

static bool same_number(double a, double b) { return (isnan(a) && isnan(b)) || a == b; }

static bool reads_numbers(const char *text, long *accepted) {
  char again[FL_NUMBER_ROOM];
  double number, second;
  if (!fl_number_parse(text, &number)) return true;
  ++*accepted;
  fl_number_text(again, number);
  return fl_number_parse(again, &second) && same_number(number, second);
}

static bool reads_lsn(const char *text, long *accepted) {
  char again[40];
  uint64_t lsn = fl_lsn_parse(text);
  if (lsn == 0) return true;
  ++*accepted;
  sprintf(again, "%lX/%lX", (unsigned long)(lsn >> 32), (unsigned long)(lsn & UINT32_MAX));
  return fl_lsn_parse(again) == lsn;
}

/* Each range has a first and a last number. */
static bool sound(const struct fl_ranges *ranges) {
  size_t i;
  for (i = 0; i < ranges->count; i++)
    if (ranges->list[i].last < ranges->list[i].first) return false;
  return true;
}

static void test_said(long count) {
  struct fl_history history;
  uint64_t seed = 712;
  long i, numbers = 0, places = 0, ranges = 0, timelines = 0;
  bool fine = true;
  fl_history_init(&history);
  for (i = 0; fine && i < count; i++) {
    char *text = mutated(said[pick(&seed, sizeof said / sizeof *said)], &seed);
    if (!fl_history_note_deleted(&history, text)) abort();
    ranges += history.deleted.count > 0;
    fl_history_note_timeline(&history, text);
    timelines += history.timeline > 0;
    fine = sound(&history.deleted) && reads_numbers(text, &numbers) && reads_lsn(text, &places);
    if (!fine) note("'%s', the %ldth", text, i);
    free(text);
  }
  fl_history_free(&history);
  ok(fine && numbers > count / 100 && places > count / 100 && ranges > count / 100 &&
         timelines > count / 100,
     "%ld mutated texts of a server", i);
  note("%ld numbers, %ld places in the WAL, %ld with ranges, %ld with a timeline", numbers, places,
       ranges, timelines);
}

int main(void) {
  test_positions(scaled(1000000));
  test_said(scaled(500000));
  return tap_end();
}
