/* What a log ever gave, what of it is gone, and what follows for a position. */
#include "history.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

void fl_history_init(struct fl_history *history) {
  static const struct fl_history none = {.last_given = -1, .smallest = -1, .largest = -1};
  *history = none;
}

void fl_history_free(struct fl_history *history) { fl_ranges_free(&history->deleted); }

/* The text behind the next blank. */
static const char *next_word(const char *text) {
  const char *blank = strchr(text, ' ');
  return blank ? blank + 1 : "";
}

bool fl_history_note_timeline(struct fl_history *history, const char *text) {
  uint32_t before = history->was_on;
  if (!text) text = "";
  history->timeline = (uint32_t)strtoul(text, NULL, 10);
  text = next_word(text);
  history->lsn = fl_lsn_parse(text);
  text = next_word(text);
  history->forked_at = fl_lsn_parse(text);
  history->has_parent = history->timeline == 2 || strcmp(next_word(text), "parent") == 0;
  if (history->timeline) history->was_on = history->timeline;
  return before && before != history->was_on;
}

bool fl_history_differs(const struct fl_history *history, uint32_t timeline) {
  uint32_t now = history->timeline;
  return timeline && now && (history->standby ? timeline < now : timeline != now);
}

/* The number of a new timeline is higher than any that the server knows of. So the one before may
   have any lower number, unless there is but one. */
bool fl_history_continues(const struct fl_history *history, uint32_t timeline, uint64_t lsn) {
  return lsn && history->has_parent && timeline + 1 == history->timeline &&
         lsn <= history->forked_at;
}

void fl_history_restart(struct fl_history *history) {
  history->empty_to = history->durable = 0;
  history->unflushed_lsn = 0;
  history->deleted.count = 0;
}

void fl_history_note_smallest(struct fl_history *history, int64_t smallest, int64_t horizon) {
  int64_t empty_to = smallest > 0 && smallest - 1 < horizon ? smallest - 1 : horizon;
  history->empty_to = larger(history->empty_to, empty_to);
}

/* One range, at its first number; the position behind it, or NULL: out of memory. One without a
   sound end has none: all above may be gone. */
static const char *note_range(struct fl_ranges *ranges, const char *text) {
  char *end;
  int64_t first = strtoll(text, &end, 10), behind = *end == ',' ? strtoll(end + 1, &end, 10) : 0;
  if (behind <= first) behind = INT64_MAX;
  if (first == INT64_MAX) first--;
  return fl_ranges_append(ranges, first, behind - 1) ? end + (*end == ')') : NULL;
}

bool fl_history_note_ranges(struct fl_ranges *ranges, const char *text) {
  ranges->count = 0;
  while (text && (*text == '{' || *text == ','))
    if (*++text == '[' && (text = note_range(ranges, text + 1)) == NULL) return false;
  return true;
}

bool fl_history_note_deleted(struct fl_history *history, const char *text) {
  return fl_history_note_ranges(&history->deleted, text);
}

/* Whether this role may ask the sequence. */
static bool knows_sequence(const struct fl_history *history) { return history->last_given >= 0; }

/* A sequence that was set back below what is gone belongs to a log that was made again. */
static bool set_back(const struct fl_history *history) {
  return knows_sequence(history) && history->last_given < history->trimmed_to;
}

bool fl_history_note_last_given(struct fl_history *history, int64_t last_given,
                                int64_t high_water) {
  history->last_given = last_given;
  return last_given >= 0 && last_given < high_water;
}

void fl_history_note_flushed(struct fl_history *history, uint64_t flushed) {
  if (history->unflushed_lsn == 0 && history->last_given >= 0) {
    history->unflushed = history->last_given;
    history->unflushed_lsn = history->lsn;
  }
  if (flushed == 0 || history->unflushed_lsn == 0 || flushed < history->unflushed_lsn) return;
  history->durable = larger(history->durable, history->unflushed);
  history->unflushed_lsn = 0;
}

int64_t fl_history_high_water(const struct fl_history *history, int64_t durable) {
  int64_t highest = larger(history->largest, 0);
  if (history->has_state && !set_back(history)) highest = larger(highest, history->trimmed_to);
  return durable <= history->last_given ? larger(highest, durable) : highest;
}

/* The highest seq that the log ever gave. If we may ask the sequence, we trust it over the trims: a
   value below trimmed_to means that the log was made again. */
static int64_t highest_given(const struct fl_history *history, int64_t high_water) {
  bool known = knows_sequence(history) && !history->standby;
  int64_t given = known ? history->last_given : history->trimmed_to;
  return larger(larger(given, history->largest), high_water);
}

/* Whether a place lies ahead of a log as it was given. A standby may only be behind, unless it has
   replayed what the place rests on: then even its sequence, which is ahead, is not there. */
static bool is_ahead(const struct fl_history *history, int64_t given, struct fl_place place) {
  if (history->standby)
    return knows_sequence(history) && place.seq > history->last_given && place.lsn &&
           place.lsn <= history->lsn;
  return place.seq > given && (knows_sequence(history) || given > 0);
}

static enum fl_gap_reason reason(const struct fl_history *history, int64_t given,
                                 struct fl_place place, bool lost) {
  if (place.log_oid && place.log_oid != history->log_oid) return FL_GAP_RESET;
  if (fl_history_differs(history, place.timeline) &&
      (place.differs || !fl_history_continues(history, place.timeline, place.lsn)))
    return FL_GAP_FAILOVER;
  if (place.differs) return FL_GAP_RESET;
  if (lost) return FL_GAP_TRIMMED;
  if (is_ahead(history, given, place)) return FL_GAP_RESET;
  return FL_GAP_NONE;
}

struct fl_gap fl_history_exact_gap(const struct fl_history *history, int64_t high_water,
                                   struct fl_place place, bool lost) {
  struct fl_gap gap = {FL_GAP_NONE, highest_given(history, high_water)};
  gap.reason = reason(history, gap.upto, place, lost);
  if (gap.reason == FL_GAP_TRIMMED) gap.upto = history->trimmed_to;
  return gap;
}

struct fl_gap fl_history_gap(const struct fl_history *history, int64_t high_water,
                             struct fl_place place) {
  return fl_history_exact_gap(history, high_water, place, history->trimmed_to > place.seq);
}

const char *fl_gap_name(enum fl_gap_reason reason) {
  static const char *const names[] = {NULL, "trimmed", "reset", "failover"};
  return names[reason];
}
