/* What a log ever gave, what of it is gone, and what follows for a position. */
#include "history.h"

#include <stddef.h>

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

void fl_history_init(struct fl_history *history) {
  static const struct fl_history none = {0, 0, false, -1, 0, -1, -1};
  *history = none;
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

int64_t fl_history_high_water(const struct fl_history *history, int64_t given_before) {
  int64_t highest = larger(history->largest, 0);
  if (history->has_state && !set_back(history)) highest = larger(highest, history->trimmed_to);
  if (given_before <= history->last_given) highest = larger(highest, given_before);
  return highest;
}

/* The highest seq that the log ever gave. If we may ask the sequence, we trust it over the trims: a
   value below trimmed_to means that the log was made again. */
static int64_t highest_given(const struct fl_history *history, int64_t high_water) {
  int64_t given = knows_sequence(history) ? history->last_given : history->trimmed_to;
  return larger(larger(given, history->largest), high_water);
}

static enum fl_gap_reason reason(const struct fl_history *history, int64_t given,
                                 struct fl_place place) {
  if (place.log_oid && place.log_oid != history->log_oid) return FL_GAP_RESET;
  if (place.timeline && history->timeline && place.timeline != history->timeline)
    return FL_GAP_FAILOVER;
  if (history->trimmed_to > place.seq) return FL_GAP_TRIMMED;
  if (place.seq > given && (knows_sequence(history) || given > 0)) return FL_GAP_RESET;
  return FL_GAP_NONE;
}

struct fl_gap fl_history_gap(const struct fl_history *history, int64_t high_water,
                             struct fl_place place) {
  struct fl_gap gap = {FL_GAP_NONE, highest_given(history, high_water)};
  gap.reason = reason(history, gap.upto, place);
  if (gap.reason == FL_GAP_TRIMMED) gap.upto = history->trimmed_to;
  return gap;
}

const char *fl_gap_name(enum fl_gap_reason reason) {
  static const char *const names[] = {NULL, "trimmed", "reset", "failover"};
  return names[reason];
}
