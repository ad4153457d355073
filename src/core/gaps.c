/* Whether a reader, or a saved position, has had all that is gone from the log. */
#include "gaps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The seq up to which nothing can be missing that the reader wants: what a live one was delivered
   above its base is known one by one; another one has had all up to where its statement begins. */
int64_t fl_base_of(const struct fl_log_reader *reading, int64_t after) {
  return reading->reader.live ? reading->reader.cursor.base : after;
}

/* Where the state does not say up to where the log is empty, the smallest seq does. */
void fl_note_smallest(struct fl_changelog *log, int64_t smallest) {
  if (!log->history.exact)
    fl_history_note_smallest(&log->history, smallest, log->horizon.seq);
}

/* The same by a tick. What the state says of a log whose sequence was set back since is not so any
   more. */
void fl_note_emptiness(struct fl_changelog *log, const char *state) {
  struct fl_history *history = &log->history;
  if (!history->has_state) fl_note_smallest(log, history->trimmed_to + 1);
  if (!history->exact) return;
  history->empty_to =
      history->last_given >= history->trimmed_to ? strtoll(strchr(state, ' '), NULL, 10) : 0;
}

struct fl_gap fl_changelog_gap(const struct fl_changelog *log, const struct fl_cursor *cursor,
                               bool differs) {
  const struct fl_history *history = &log->history;
  struct fl_place place = {0, cursor->timeline, cursor->next, cursor->lsn, differs};
  if (!history->exact) return fl_history_gap(history, log->horizon.high_water, place);
  return fl_history_exact_gap(history, log->horizon.high_water, place,
                              fl_cursor_lacks(cursor, &history->deleted, cursor->base));
}

/* Who wants whatever the log holds does not miss what was deleted before the first look. It does
   not count as delivered, either: after an upgrade more may be taken for deleted than was. */
static bool begins(struct fl_log_reader *reading) {
  struct fl_reader *reader = &reading->reader;
  struct fl_ranges *deleted = &reading->log->history.deleted, excused = reading->excused;
  if (!reader->from_start || (reader->begun && reader->cursor.next > 0)) return false;
  reader->begun = true;
  if (reading->asks_gone) {
    reading->excused = *deleted;
    *deleted = excused;
  }
  return true;
}

/* Whether a reader lacks something of what was deleted, and is not excused. Where there is no
   memory to find out, it does. */
static bool lacks(const struct fl_log_reader *reading, int64_t above) {
  struct fl_cursor had;
  size_t i;
  bool found = !fl_cursor_copy(&had, &reading->reader.cursor);
  for (i = 0; i < reading->excused.count; i++)
    found |= !fl_cursor_deliver_range(&had, reading->excused.list[i].first,
                                      reading->excused.list[i].last);
  found |= fl_cursor_lacks(&had, &reading->log->history.deleted, above);
  fl_cursor_free(&had);
  return found;
}

/* The seq up to which the reader has looked, with what is here and not delivered yet. */
static int64_t looked_to(const struct fl_reader *reader) {
  return reader->chunk.left > 0 ? reader->chunk.last : reader->cursor.next;
}

static struct fl_gap find_gap(const struct fl_changelog *log,
                              const struct fl_log_reader *reading) {
  const struct fl_reader *reader = &reading->reader;
  struct fl_place place = {reading->log_oid, reader->cursor.timeline, looked_to(reader), 0,
                           reading->verdict == FL_VERDICT_MISSING};
  if (!log->history.exact)
    return fl_history_gap(&log->history, log->horizon.high_water, place);
  return fl_history_exact_gap(&log->history, log->horizon.high_water, place,
                              reading->asks_gone &&
                                  lacks(reading, fl_base_of(reading, place.seq)));
}

/* Says what there is a gap behind, and why. */
static void tell_gap(struct fl_changelog *log, const struct fl_log_reader *reading) {
  static const char *const advice = "resync, then go on from a position taken before the resync";
  struct fl_error *error = &log->pg.error;
  const char *name = fl_gap_name(log->gap.reason);
  int64_t after = looked_to(&reading->reader);
  if (log->gap.reason == FL_GAP_TRIMMED)
    fl_fail(error, FL_ERR_GAP, NULL,
            "%s: changes after position %" PRId64 " up to seq %" PRId64
            " cannot be had any more; %s",
            name, after, log->gap.upto, advice);
  else if (reading->verdict == FL_VERDICT_MISSING)
    fl_fail(error, FL_ERR_GAP, NULL, "%s: this server lacks changes that were handed out; %s",
            name, advice);
  else if (log->gap.reason == FL_GAP_FAILOVER)
    fl_fail(error, FL_ERR_GAP, NULL,
            "%s: position %" PRId64 " comes from before this server took over, which may lack "
            "what was handed out by then; %s",
            name, after, advice);
  else
    fl_fail(error, FL_ERR_GAP, NULL,
            "%s: the log was recreated or restored since position %" PRId64 "; %s", name, after,
            advice);
  error->code = name;
}

/* Whether there is no gap between where the reader's statement began and what it brought. */
bool fl_joins(struct fl_changelog *log, struct fl_log_reader *reading) {
  if (begins(reading)) return true;
  log->gap = find_gap(log, reading);
  if (log->gap.reason != FL_GAP_NONE) tell_gap(log, reading);
  return log->gap.reason == FL_GAP_NONE;
}

/* Whether the answer leaves open what was deleted above the reader's base: a trim came between, or
   changes are here that were not delivered yet. Then the chunk is asked for again. */
bool fl_leaves_open(const struct fl_changelog *log, const struct fl_log_reader *reading) {
  const struct fl_reader *reader = &reading->reader;
  int64_t base = fl_base_of(reading, looked_to(reader));
  if (!log->history.exact || log->history.trimmed_to <= base) return false;
  return !reading->asks_gone || (reader->live && reader->chunk.left > 0);
}
