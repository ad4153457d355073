/* Which server answers, primary or hot standby, and what follows for log and readers. */
#include "server.h"

#include "refusals.h"
#include "result.h"
#include "timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MOST_CONFLICTS 5

void fl_server_forget(struct fl_changelog *log) {
  fl_horizon_free(&log->horizon);
  fl_standby_restart(&log->standby);
  fl_history_restart(&log->history);
}

/* What was settled on one server may not be there yet on another. So a reader that is not live is
   at the end of its scan. */
static void end_scans(struct fl_changelog *log) {
  struct fl_log_reader *each;
  for (each = log->readers; each; each = each->next)
    if (!each->reader.live) each->reader.cursor.until = each->reader.cursor.next;
}

/* Live readers look again for all that they have not had. */
static void rescan(struct fl_changelog *log) {
  struct fl_log_reader *each;
  for (each = log->readers; each; each = each->next) {
    struct fl_cursor *cursor = &each->reader.cursor;
    if (each->reader.live && cursor->base < cursor->rescan_from) cursor->rescan_from = cursor->base;
  }
}

void fl_server_connect(struct fl_changelog *log) {
  if (log->catalog.standby) end_scans(log);
  log->fresh = true;
}

void fl_server_enter(struct fl_log_reader *reading) {
  const struct fl_cursor *cursor = &reading->reader.cursor;
  reading->brought = cursor->count ? cursor->ranges[cursor->count - 1].last : cursor->base;
  reading->has_all = reading->was_here = false;
  reading->elsewhere = reading->reader.proof.any;
  reading->entered = reading->reader.proof.proven;
}

bool fl_server_lacks_work(const struct fl_log_reader *reading) {
  return reading->elsewhere && !reading->reader.commits &&
         reading->reader.proof.proven == reading->entered;
}

/* What a standby lacks is missing still when it is promoted: then the reader has to go back. */
static bool is_whole(const struct fl_log_reader *reading) {
  return reading->has_all && !reading->strict && !fl_server_lacks_work(reading);
}

void fl_server_note(struct fl_changelog *log, bool standby) {
  bool was = log->catalog.standby, another = log->fresh;
  struct fl_log_reader *each;
  log->catalog.standby = log->history.standby = standby;
  log->fresh = false;
  for (each = log->readers; another && each; each = each->next) fl_proof_leave(&each->reader.proof);
  if (was == standby && !(standby && another)) return;
  fl_server_forget(log);
  if (another) end_scans(log);
  rescan(log);
  for (each = log->readers; each; each = each->next) {
    bool here = !another && is_whole(each);
    fl_server_enter(each);
    each->was_here = here;
  }
}

void fl_server_note_timeline(struct fl_changelog *log) {
  struct fl_log_reader *each;
  if (!log->history.timeline) return;
  for (each = log->readers; each; each = each->next) {
    struct fl_cursor *cursor = &each->reader.cursor;
    bool here = each->was_here || (log->catalog.standby && is_whole(each));
    bool left = here && fl_timeline_differs(each);
    if (left) {
      fl_proof_leave(&each->reader.proof);
      each->reader.proof.elder = true;
    }
    if (left || !cursor->timeline) cursor->timeline = log->history.timeline;
    each->was_here = false;
  }
}

/* False where the server was promoted in the middle of the statement. */
static bool read_tick(struct fl_changelog *log, struct fl_standby_tick *tick) {
  tick->seq = fl_history_high_water(&log->history, 0);
  tick->replayed = log->history.lsn;
  return fl_standby_parse(tick, fl_result_text(&log->pg, FL_TICK_SNAPSHOT));
}

bool fl_server_tick(struct fl_changelog *log) {
  struct fl_horizon *horizon = &log->horizon;
  struct fl_standby_tick tick;
  bool changed = true;
  if (!fl_can_tick(log)) return false;
  horizon->ticks++;
  if (read_tick(log, &tick)) {
    changed = fl_standby_note(&log->standby, tick);
    if (tick.seq > horizon->high_water) horizon->high_water = tick.seq;
    horizon->seq = log->standby.horizon;
  }
  if (changed) rescan(log);
  return true;
}

bool fl_server_has_all(const struct fl_log_reader *reading) {
  return !reading->log->catalog.standby || reading->has_all;
}

void fl_server_note_scan(struct fl_log_reader *reading) {
  const struct fl_changelog *log = reading->log;
  bool there = reading->verdict == FL_VERDICT_THERE || reading->verdict == FL_VERDICT_TRIMMED;
  if (log->catalog.standby && there && !fl_timeline_differs(reading) &&
      log->horizon.seq >= reading->brought)
    reading->has_all = true;
}

bool fl_server_looks_anew(const struct fl_log_reader *reading) {
  return reading->log->catalog.standby && reading->reader.live;
}

bool fl_server_note_delivered(struct fl_log_reader *reading) {
  const struct fl_cursor *cursor = &reading->reader.cursor;
  struct fl_bytes *text = &reading->log->under_way;
  char range[60];
  size_t i;
  if (!fl_server_looks_anew(reading)) return true;
  text->length = 0;
  if (!fl_bytes_add(text, "{")) return false;
  for (i = 0; i < cursor->count; i++) {
    snprintf(range, sizeof range, "%s[%" PRId64 ",%" PRId64 "]", i ? "," : "",
             cursor->ranges[i].first, cursor->ranges[i].last);
    if (!fl_bytes_add(text, range)) return false;
  }
  return fl_bytes_append(text, "}", 2);
}

/* A pooler may give each statement another server, and so may a list of hosts after a loss. */
bool fl_server_keeps_up(struct fl_changelog *log, const struct fl_log_reader *reading) {
  uint64_t lsn = reading->reader.prefetched.lsn;
  if (!lsn || lsn >= log->history.lsn) return true;
  fl_changelog_fail(log, FL_ERR_QUERY, "behind",
                    "this server has replayed less than the one that was asked before, which had "
                    "said what is settled");
  log->pg.error.retryable = true;
  return false;
}

static bool is_conflict(const struct fl_changelog *log) {
  return log->operation == FL_OP_STATEMENT && log->catalog.standby &&
         strcmp(log->pg.error.sqlstate, "40001") == 0 && log->pg.state == FL_PGCONN_IDLE &&
         !fl_pgconn_in_transaction(&log->pg);
}

bool fl_server_try_again(struct fl_changelog *log) {
  struct fl_log_reader *reading = log->reading;
  int limit;
  if (!is_conflict(log) || ++log->conflicts > MOST_CONFLICTS) return false;
  if (log->statement == FL_STATEMENT_VERIFY) return reading && fl_log_reader_verify(reading);
  if (log->statement != FL_STATEMENT_READ) return fl_changelog_begin(log, log->statement);
  if (!reading || reading->reader.prefetch != FL_PREFETCH_IN_FLIGHT) return false;
  limit = reading->reader.prefetched.limit;
  fl_reader_drop_request(&reading->reader);
  return fl_log_reader_fetch(reading, limit);
}
