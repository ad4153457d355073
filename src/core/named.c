/* The rows that a position names: as a set, as text, and what follows where they are. */
#include "named.h"

#include "change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t fl_named_row(int64_t seq, int64_t created_at) {
  uint64_t time = (uint64_t)created_at;
  if (created_at == FL_NO_TIME) return 0;
  if (created_at != INT64_MAX) time -= FL_EPOCH_MICROSECONDS; /* infinity is as it is */
  return (2 * (uint64_t)seq + 1) * time;
}

/* Index of the first range that ends at or above a seq. The newest one comes first. */
static size_t lower_bound(const struct fl_named *named, int64_t seq) {
  size_t at = named->count;
  while (at > 0 && named->ranges[at - 1].last >= seq) at--;
  return at;
}

int64_t fl_named_highest(const struct fl_named *named) {
  return named->count ? named->ranges[named->count - 1].last : 0;
}

bool fl_named_has(const struct fl_named *named, int64_t seq) {
  size_t at = lower_bound(named, seq);
  return at < named->count && named->ranges[at].first <= seq;
}

static void remove_range(struct fl_named *named, size_t at) {
  named->count--;
  memmove(&named->ranges[at], &named->ranges[at + 1], (named->count - at) * sizeof *named->ranges);
}

static void insert_range(struct fl_named *named, size_t at, int64_t first, int64_t last) {
  if (named->count == FL_NAMED_RANGES) {
    named->too_many = true;
    return;
  }
  memmove(&named->ranges[at + 1], &named->ranges[at], (named->count - at) * sizeof *named->ranges);
  named->ranges[at].first = first;
  named->ranges[at].last = last;
  named->count++;
}

/* Adds a range that overlaps none. */
static void add_range(struct fl_named *named, int64_t first, int64_t last) {
  size_t at = lower_bound(named, first);
  bool below = at > 0 && named->ranges[at - 1].last + 1 == first;
  bool above = at < named->count && named->ranges[at].first == last + 1;
  if (!below && !above)
    insert_range(named, at, first, last);
  else if (!above)
    named->ranges[at - 1].last = last;
  else
    named->ranges[at].first = below ? named->ranges[at - 1].first : first;
  if (below && above) remove_range(named, at - 1);
}

static void count_rows(struct fl_named *named, int64_t rows, uint64_t sum) {
  named->rows += rows;
  named->sum += sum;
  if (named->rows > FL_NAMED_ROWS) named->too_many = true;
}

void fl_named_add(struct fl_named *named, int64_t seq, int64_t created_at) {
  if (named->too_many || fl_named_has(named, seq)) return;
  if (seq > fl_named_highest(named)) named->top = fl_named_row(seq, created_at);
  add_range(named, seq, seq);
  count_rows(named, 1, fl_named_row(seq, created_at));
}

void fl_named_join(struct fl_named *named, const struct fl_named *other) {
  size_t i;
  if (other->too_many) named->too_many = true;
  if (fl_named_highest(other) > fl_named_highest(named)) named->top = other->top;
  for (i = 0; i < other->count && !named->too_many; i++)
    add_range(named, other->ranges[i].first, other->ranges[i].last);
  count_rows(named, other->rows, other->sum);
}

bool fl_named_same(const struct fl_named *named, const struct fl_named *other) {
  return named->proves == other->proves && named->rows == other->rows &&
         named->sum == other->sum && named->top == other->top && named->count == other->count &&
         memcmp(named->ranges, other->ranges, named->count * sizeof *named->ranges) == 0;
}

/* ---- as text ---- */

/* Digits to a number below 2^62, so that two of them can be added. */
static const char *parse_number(const char *text, int64_t *value) {
  text = fl_seq_parse(text, value);
  return text && *value < INT64_MAX / 2 ? text : NULL;
}

static const char *parse_range(struct fl_named *named, const char *text) {
  int64_t first, last, above = named->count ? named->ranges[named->count - 1].last + 1 : named->low;
  text = parse_number(text, &first);
  last = first;
  if (text && *text == '-') text = parse_number(text + 1, &last);
  if (!text || last < first || named->low + first <= above) return NULL;
  insert_range(named, named->count, named->low + first, named->low + last);
  named->rows += last - first + 1;
  return named->too_many || named->rows > FL_NAMED_ROWS ? NULL : text;
}

static const char *parse_hex(const char *text, uint64_t *value) {
  size_t length = strspn(text, "0123456789abcdef");
  if (length == 0 || length > 16) return NULL;
  *value = strtoull(text, NULL, 16);
  return text + length;
}

/* The sum, and what the highest row adds to it. */
static bool parse_sums(struct fl_named *named, const char *text) {
  text = parse_hex(text, &named->sum);
  if (!text || *text != '.') return false;
  text = parse_hex(text + 1, &named->top);
  named->elder = text && *text == '^';
  return text && text[named->elder] == '\0';
}

const char *fl_named_parse(struct fl_named *named, const char *text) {
  static const char *const wrong = "the rows that it names are not of the form =12+1-3,5/9f3c.7a";
  memset(named, 0, sizeof *named);
  named->proves = (enum fl_proves)(strchr(FL_NAMED_SIGNS, *text) - FL_NAMED_SIGNS);
  text = parse_number(text + 1, &named->low);
  if (!text || *text != '+') return wrong;
  do {
    text = parse_range(named, text + 1);
  } while (text && *text == ',');
  return text && *text == '/' && parse_sums(named, text + 1) ? NULL : wrong;
}

void fl_named_print(const struct fl_named *named, char *text) {
  size_t i;
  text += sprintf(text, "%c%" PRId64, FL_NAMED_SIGNS[named->proves], named->low);
  for (i = 0; i < named->count; i++) {
    const struct fl_range *range = &named->ranges[i];
    text += sprintf(text, "%c%" PRId64, i ? ',' : '+', range->first - named->low);
    if (range->last > range->first) text += sprintf(text, "-%" PRId64, range->last - named->low);
  }
  sprintf(text, "/%" PRIx64 ".%" PRIx64 "%s", named->sum, named->top, named->elder ? "^" : "");
}

/* ---- where they are ---- */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Keeps some of what a cursor has up to its base, and above it up to a limit. */
static bool keep_below(struct fl_cursor *back, const struct fl_cursor *cursor,
                       const struct fl_range *ranges, size_t count) {
  size_t i;
  for (i = 0; i < count; i++)
    if (!fl_cursor_deliver_range(back, ranges[i].first, smaller(ranges[i].last, cursor->base)))
      return false;
  return true;
}

static bool keep_ranges(struct fl_cursor *back, const struct fl_cursor *cursor, int64_t limit) {
  size_t i;
  for (i = 0; i < cursor->count; i++)
    if (!fl_cursor_deliver_range(back, cursor->ranges[i].first,
                                 smaller(cursor->ranges[i].last, limit)))
      return false;
  return true;
}

/* A cursor that has everything up to a base, and in place of what else it had the rows, its ranges
   and those of an earlier one as far as the highest row, and of what was deleted what another one
   had. */
static bool go_back(const struct fl_named *named, struct fl_cursor *cursor, int64_t base,
                    const struct fl_cursor *had, const struct fl_cursor *before,
                    const struct fl_ranges *deleted) {
  int64_t highest = fl_named_highest(named);
  struct fl_cursor back;
  memset(&back, 0, sizeof back);
  back.timeline = cursor->timeline;
  back.base = back.next = smaller(cursor->base, base);
  back.rescan_from = INT64_MAX;
  if (!keep_below(&back, cursor, named->ranges, named->count) ||
      !keep_below(&back, had, deleted->list, deleted->count) ||
      !keep_ranges(&back, cursor, highest) || !keep_ranges(&back, before, highest)) {
    fl_cursor_free(&back);
    return false;
  }
  fl_cursor_settle(&back, back.base);
  back.next = back.base;
  fl_cursor_free(cursor);
  *cursor = back;
  return true;
}

bool fl_named_retreat(const struct fl_named *named, struct fl_cursor *cursor,
                      const struct fl_cursor *had, const struct fl_cursor *before,
                      const struct fl_ranges *deleted) {
  return go_back(named, cursor, named->low, had, before, deleted);
}

/* Without memory more comes again. */
void fl_named_clip(const struct fl_named *named, struct fl_cursor *cursor,
                   const struct fl_ranges *deleted) {
  int64_t highest = fl_named_highest(named);
  if (cursor->base <= highest &&
      (cursor->count == 0 || cursor->ranges[cursor->count - 1].last <= highest))
    return;
  if (go_back(named, cursor, highest, cursor, cursor, deleted)) return;
  cursor->base = cursor->next = smaller(cursor->base, named->low);
  cursor->count = 0;
}
