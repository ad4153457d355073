/* A reader's place in the log: a base, and the ranges above it that were delivered. */
#include "cursor.h"

#include "named.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fl_cursor_free(struct fl_cursor *cursor) {
  static const struct fl_cursor none;
  free(cursor->ranges);
  free(cursor->named);
  *cursor = none;
}

void fl_cursor_bare(struct fl_cursor *cursor) {
  cursor->lsn = 0;
  free(cursor->named);
  cursor->named = NULL;
}

bool fl_cursor_copy(struct fl_cursor *copy, const struct fl_cursor *cursor) {
  *copy = *cursor;
  copy->ranges = NULL;
  copy->named = NULL;
  copy->count = copy->room = 0;
  if (cursor->count == 0) return true;
  copy->ranges = malloc(cursor->count * sizeof *copy->ranges);
  if (!copy->ranges) return false;
  memcpy(copy->ranges, cursor->ranges, cursor->count * sizeof *copy->ranges);
  copy->count = copy->room = cursor->count;
  return true;
}

/* Index of the first range that ends at or above seq. */
static size_t lower_bound(const struct fl_cursor *cursor, int64_t seq) {
  size_t low = 0, high = cursor->count;
  if (high > 0 && cursor->ranges[high - 1].last < seq) return high; /* the usual case: the newest */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (cursor->ranges[middle].last < seq)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool fl_cursor_has(const struct fl_cursor *cursor, int64_t seq) {
  size_t at;
  if (seq <= cursor->base) return true;
  at = lower_bound(cursor, seq);
  return at < cursor->count && cursor->ranges[at].first <= seq;
}

static bool make_room(struct fl_cursor *cursor) {
  struct fl_range *ranges;
  size_t room = cursor->room ? cursor->room * 2 : 16;
  if (cursor->count == FL_RANGES_KEPT) cursor->count = 0;
  if (cursor->count < cursor->room) return true;
  ranges = realloc(cursor->ranges, room * sizeof *ranges);
  if (!ranges) return false;
  cursor->ranges = ranges;
  cursor->room = room;
  return true;
}

static void remove_ranges(struct fl_cursor *cursor, size_t at, size_t count) {
  cursor->count -= count;
  memmove(&cursor->ranges[at], &cursor->ranges[at + count],
          (cursor->count - at) * sizeof *cursor->ranges);
}

static bool insert_range(struct fl_cursor *cursor, int64_t first, int64_t last) {
  size_t at;
  if (!make_room(cursor)) return false;
  at = lower_bound(cursor, first);
  memmove(&cursor->ranges[at + 1], &cursor->ranges[at],
          (cursor->count - at) * sizeof *cursor->ranges);
  cursor->ranges[at].first = first;
  cursor->ranges[at].last = last;
  cursor->count++;
  return true;
}

/* A new range grows over those that it touches or overlaps. */
bool fl_cursor_deliver_range(struct fl_cursor *cursor, int64_t first, int64_t last) {
  size_t at, end;
  if (first <= cursor->base) first = cursor->base + 1;
  if (last < first) return true;
  at = end = lower_bound(cursor, first - 1);
  while (end < cursor->count && cursor->ranges[end].first - 1 <= last) end++;
  if (end == at) return insert_range(cursor, first, last);
  if (cursor->ranges[at].first < first) first = cursor->ranges[at].first;
  if (cursor->ranges[end - 1].last > last) last = cursor->ranges[end - 1].last;
  cursor->ranges[at].first = first;
  cursor->ranges[at].last = last;
  remove_ranges(cursor, at + 1, end - at - 1);
  return true;
}

bool fl_cursor_deliver(struct fl_cursor *cursor, int64_t seq) {
  return fl_cursor_deliver_range(cursor, seq, seq);
}

/* Index of the first range of a list that ends above a seq. */
static size_t first_above(const struct fl_ranges *seqs, int64_t above) {
  size_t at = 0;
  while (at < seqs->count && seqs->list[at].last <= above) at++;
  return at;
}

bool fl_cursor_lacks(const struct fl_cursor *cursor, const struct fl_ranges *seqs, int64_t above) {
  size_t i, at;
  if (above < cursor->base) above = cursor->base;
  for (i = first_above(seqs, above); i < seqs->count; i++) {
    int64_t first = seqs->list[i].first;
    if (first <= above) first = above + 1;
    at = lower_bound(cursor, first);
    if (at == cursor->count || cursor->ranges[at].first > first ||
        cursor->ranges[at].last < seqs->list[i].last)
      return true;
  }
  return false;
}

bool fl_ranges_append(struct fl_ranges *ranges, int64_t first, int64_t last) {
  if (ranges->count == ranges->room) {
    size_t room = ranges->room ? ranges->room * 2 : 8;
    struct fl_range *list = realloc(ranges->list, room * sizeof *list);
    if (!list) return false;
    ranges->list = list;
    ranges->room = room;
  }
  ranges->list[ranges->count].first = first;
  ranges->list[ranges->count++].last = last;
  return true;
}

void fl_ranges_free(struct fl_ranges *ranges) {
  static const struct fl_ranges none;
  free(ranges->list);
  *ranges = none;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

void fl_cursor_settle(struct fl_cursor *cursor, int64_t horizon) {
  int64_t base = smaller(horizon, smaller(cursor->next, cursor->rescan_from));
  size_t dead = 0;
  if (base > cursor->base) cursor->base = base;
  while (dead < cursor->count &&
         cursor->ranges[dead].first - 1 <= cursor->base) { /* no hole is left below its end */
    if (cursor->ranges[dead].last > cursor->base) cursor->base = cursor->ranges[dead].last;
    dead++;
  }
  if (dead > 0) {
    cursor->count -= dead;
    memmove(cursor->ranges, cursor->ranges + dead, cursor->count * sizeof *cursor->ranges);
  }
  if (cursor->count > 0 && cursor->ranges[0].first <= cursor->base)
    cursor->ranges[0].first = cursor->base + 1;
}

/* ---- taking out, and what two have in common ---- */

/* All that a cursor has as one list of ranges: those up to the base are its first, from 0 on. */
static struct fl_range section(const struct fl_cursor *cursor, size_t at) {
  struct fl_range below = {0, cursor->base};
  return at == 0 ? below : cursor->ranges[at - 1];
}

/* Adds a range that may be empty, or touch the last one. */
static bool add_section(struct fl_ranges *sections, int64_t first, int64_t last) {
  if (last < first) return true;
  if (sections->count == 0 || sections->list[sections->count - 1].last < first - 1)
    return fl_ranges_append(sections, first, last);
  sections->list[sections->count - 1].last = last;
  return true;
}

/* Has the cursor own such a list in place of what it had. */
static void replace_sections(struct fl_cursor *cursor, struct fl_ranges *sections) {
  free(cursor->ranges);
  cursor->base = cursor->next = sections->list[0].last;
  cursor->rescan_from = INT64_MAX;
  cursor->lsn = 0; /* of everything that it had */
  cursor->ranges = sections->list;
  cursor->count = sections->count;
  cursor->room = sections->room;
  remove_ranges(cursor, 0, 1);
  if (cursor->count > FL_RANGES_KEPT) cursor->count = 0;
}

static bool replace_or_free(struct fl_cursor *cursor, struct fl_ranges *sections, bool complete) {
  if (complete)
    replace_sections(cursor, sections);
  else
    fl_ranges_free(sections);
  return complete;
}

static int ascending(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

/* Adds what is left of a range without the seqs in it; *seqs goes on to those behind the range. */
static bool add_without(struct fl_ranges *sections, struct fl_range range, const int64_t **seqs,
                        const int64_t *end) {
  for (; *seqs < end && **seqs <= range.last; ++*seqs) {
    if (**seqs < range.first) continue;
    if (!add_section(sections, range.first, **seqs - 1)) return false;
    range.first = **seqs + 1;
  }
  return add_section(sections, range.first, range.last);
}

bool fl_cursor_take_out(struct fl_cursor *cursor, int64_t *seqs, size_t count) {
  const int64_t *next = seqs, *end = seqs + count;
  struct fl_ranges left = {NULL, 0, 0};
  bool complete = true;
  size_t at;
  if (count == 0) return true;
  qsort(seqs, count, sizeof *seqs, ascending);
  while (next < end && *next < 1) next++; /* there are none: the base never goes below 0 */
  for (at = 0; complete && at <= cursor->count; at++)
    complete = add_without(&left, section(cursor, at), &next, end);
  if (complete && cursor->named && cursor->named->proves == FL_PROVES_AT_REST)
    cursor->named->proves = FL_PROVES_NO_WORK;
  return replace_or_free(cursor, &left, complete);
}

/* A server that has the WAL on which each of two rests has all that the work behind either can have
   seen. Where only one rests on some, nothing is known of the other's work. */
static uint64_t common_lsn(const struct fl_cursor *cursor, const struct fl_cursor *other) {
  uint64_t mine = cursor->lsn, its = other->lsn;
  if (cursor->timeline != other->timeline || mine == 0 || its == 0) return 0;
  return mine > its ? mine : its;
}

/* Rows that prove what each of two was delivered, and the work behind it, prove that of both. What
   they prove up to a seq, they prove up to the lower one. */
static void name_common(struct fl_cursor *cursor, const struct fl_cursor *other) {
  struct fl_named *mine = cursor->named;
  const struct fl_named *its = other->named;
  if (cursor->timeline == other->timeline && mine && its && fl_named_same(mine, its)) {
    mine->low = smaller(mine->low, its->low);
    mine->elder = mine->elder || its->elder;
  } else {
    fl_cursor_bare(cursor);
  }
}

bool fl_cursor_intersect(struct fl_cursor *cursor, const struct fl_cursor *other) {
  struct fl_ranges both = {NULL, 0, 0};
  uint64_t lsn = common_lsn(cursor, other);
  size_t mine = 0, its = 0;
  bool complete = true;
  while (complete && mine <= cursor->count && its <= other->count) {
    struct fl_range a = section(cursor, mine), b = section(other, its);
    complete = add_section(&both, a.first > b.first ? a.first : b.first, smaller(a.last, b.last));
    if (a.last <= b.last) mine++;
    if (b.last <= a.last) its++;
  }
  if (!replace_or_free(cursor, &both, complete)) return false;
  name_common(cursor, other);
  if (other->timeline < cursor->timeline) cursor->timeline = other->timeline;
  cursor->lsn = lsn;
  return true;
}

/* ---- as text ---- */

const char *fl_seq_parse(const char *text, int64_t *value) {
  if (*text < '0' || *text > '9') return NULL;
  for (*value = 0; *text >= '0' && *text <= '9'; text++) {
    int digit = *text - '0';
    if (*value > (INT64_MAX - 1 - digit) / 10) return NULL;
    *value = *value * 10 + digit;
  }
  return text;
}

static const char *parse_range(struct fl_cursor *cursor, const char *text, const char **wrong) {
  int64_t first, last,
      above = cursor->count ? cursor->ranges[cursor->count - 1].last : cursor->base;
  *wrong = "its ranges are not numbers such as 17-20,22";
  text = fl_seq_parse(text, &first);
  last = first;
  if (text && *text == '-') text = fl_seq_parse(text + 1, &last);
  if (!text || !strchr(",@" FL_NAMED_SIGNS, *text)) return NULL;
  *wrong = "its ranges do not ascend above the horizon";
  if (first <= above || last < first) return NULL;
  *wrong = "out of memory";
  if (!insert_range(cursor, first, last)) return NULL;
  *wrong = NULL;
  return *text == ',' ? text + 1 : text;
}

static const char *parse_ranges(struct fl_cursor *cursor, const char *text, const char **end) {
  const char *wrong = NULL;
  do {
    text = parse_range(cursor, text, &wrong);
    if (wrong) return wrong;
  } while (!strchr("@" FL_NAMED_SIGNS, *text) || text[-1] == ',');
  *end = text;
  return NULL;
}

/* One half of a place in the WAL; NULL: it is not one. */
static const char *parse_half(const char *text, uint64_t *value) {
  size_t length = strspn(text, "0123456789ABCDEFabcdef");
  if (length == 0 || length > 8) return NULL;
  *value = *value << 32 | strtoul(text, NULL, 16);
  return text + length;
}

uint64_t fl_lsn_parse(const char *text) {
  uint64_t lsn = 0;
  text = parse_half(text, &lsn);
  if (!text || *text != '/') return 0;
  text = parse_half(text + 1, &lsn);
  return text && strchr(" " FL_NAMED_SIGNS, *text) ? lsn : 0;
}

/* Up to its end, or to the rows that are named behind it. */
static const char *parse_lsn(struct fl_cursor *cursor, const char *text, const char **end) {
  *end = text + strcspn(text, FL_NAMED_SIGNS);
  if (*text != '@') return NULL;
  cursor->lsn = fl_lsn_parse(text + 1);
  return cursor->lsn && !strchr(text, ' ') ? NULL : "it does not end in a place such as @0/3000060";
}

static const char *parse_named(struct fl_cursor *cursor, const char *text) {
  if (*text == '\0') return NULL;
  cursor->named = malloc(sizeof *cursor->named);
  return cursor->named ? fl_named_parse(cursor->named, text) : "out of memory";
}

static const char *parse(struct fl_cursor *cursor, const char *text) {
  static const char *const shape = "it is not of the form 15, 1:15 or 1:15:17-20,22";
  const char *wrong = NULL;
  int64_t timeline = 0;
  const char *at = fl_seq_parse(text, &cursor->base);
  if (at && *at == ':') {
    timeline = cursor->base;
    at = fl_seq_parse(at + 1, &cursor->base);
  }
  if (!at || timeline > UINT32_MAX) return shape;
  cursor->timeline = (uint32_t)timeline;
  if (*at == ':' && strchr(text, ':') != at) wrong = parse_ranges(cursor, at + 1, &at);
  if (wrong) return wrong;
  if (!strchr("@" FL_NAMED_SIGNS, *at) || (*at == '@' && !timeline) || (*at && !strchr(text, ':')))
    return shape;
  wrong = parse_lsn(cursor, at, &at);
  return wrong ? wrong : parse_named(cursor, at);
}

const char *fl_cursor_parse(struct fl_cursor *cursor, const char *text) {
  const char *wrong;
  fl_cursor_free(cursor);
  wrong = parse(cursor, text);
  if (wrong) {
    fl_cursor_free(cursor);
    return wrong;
  }
  cursor->next = cursor->base;
  cursor->rescan_from = INT64_MAX;
  return NULL;
}

size_t fl_position_room(const struct fl_cursor *cursor) {
  size_t ranges = cursor->count > FL_RANGES_SAVED ? 0 : cursor->count;
  return FL_POSITION_ROOM(ranges) + (cursor->named ? FL_NAMED_ROOM(cursor->named->count) : 0);
}

void fl_cursor_print(const struct fl_cursor *cursor, char *text) {
  size_t i, count = cursor->count > FL_RANGES_SAVED ? 0 : cursor->count;
  text += sprintf(text, "%" PRIu32 ":%" PRId64, cursor->timeline, cursor->base);
  for (i = 0; i < count; i++) {
    const struct fl_range *range = &cursor->ranges[i];
    text += sprintf(text, "%c%" PRId64, i ? ',' : ':', range->first);
    if (range->last > range->first) text += sprintf(text, "-%" PRId64, range->last);
  }
  if (cursor->lsn)
    text += sprintf(text, "@%" PRIX64 "/%" PRIX64, cursor->lsn >> 32, cursor->lsn & UINT32_MAX);
  if (cursor->named) fl_named_print(cursor->named, text);
}
