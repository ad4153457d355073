/* The timeline that a server is on: how it is asked, and how readers go from one to the next. */
#include "timeline.h"

#include "result.h"
#include "server.h"
#include "statements.h"

#include <stdio.h>
#include <string.h>

#define NUMBER \
  "('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))" \
  "::pg_catalog.bit(32)::pg_catalog.int4"

#define FORM(more) \
  "CASE WHEN NOT pg_catalog.pg_is_in_recovery()" \
  " THEN pg_catalog.concat_ws(' ', " NUMBER more ")"

/* A standby tells how far it has replayed the WAL, and on which timeline it was when it wrote that
   down last: after its primary was replaced it may name the one before for some minutes. What it
   receives is of the present one; but that is told to members of pg_read_all_stats only. */
#define REPLAYED_ON \
  "(SELECT greatest(c.timeline_id, r.min_recovery_end_timeline%s)" \
  " FROM pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() r%s)"
#define RECEIVED ", w.received_tli"
#define RECEIVER ", pg_catalog.pg_stat_get_wal_receiver() w"
#define FORM_WITH_LSN(more) \
  FORM(", pg_catalog.pg_current_wal_insert_lsn()" more) \
  " ELSE pg_catalog.concat_ws(' ', " REPLAYED_ON ", pg_catalog.pg_last_wal_replay_lsn()) END"

/* A server that was a standby, and has been promoted since it started, still says how far it had
   replayed: there its timeline begins. After recovery from a crash it says the same of a place in
   its own timeline; but then it never received anything. */
#define FORKED_AT \
  "CASE WHEN pg_catalog.pg_last_wal_receive_lsn() IS NOT NULL" \
  " THEN pg_catalog.pg_last_wal_replay_lsn() END"

/* Which number the timeline before has, if it is not the second one: that it is the next lower one,
   the state of the log shows where something was deleted on that. */
#define HAS_PARENT \
  "CASE WHEN pg_catalog.pg_last_wal_receive_lsn() IS NOT NULL AND (SELECT " NUMBER \
  " - 1 = ANY (s.timelines) FROM %s.forge_change_log_state s" FL_NEWEST_STATE ") THEN 'parent' END"

/* Where the server does not tell, it is not known. */
void fl_timeline_print(const struct fl_changelog *log, char text[FL_TIMELINE_SIZE]) {
  static const char *const forms[] = {
      FORM("") " END", FORM_WITH_LSN(", " FORKED_AT),
      FORM_WITH_LSN(", " FORKED_AT ", " HAS_PARENT)};
  const struct fl_catalog *catalog = &log->catalog;
  const char *received = catalog->has_receiver ? RECEIVED : "";
  const char *receiver = catalog->has_receiver ? RECEIVER : "";
  int known = !catalog->has_lsn ? 0 : !catalog->has_timelines ? 1 : 2;
  if (!catalog->has_timeline || log->without_timeline >= FL_TRYING)
    strcpy(text, "NULL::text");
  else if (known < 2)
    snprintf(text, FL_TIMELINE_SIZE, forms[known], received, receiver);
  else
    snprintf(text, FL_TIMELINE_SIZE, forms[known], catalog->schema, received, receiver);
}

const char *fl_timeline_lsn(const struct fl_changelog *log) {
  if (!log->catalog.has_lsn || log->without_timeline >= FL_TRYING) return "NULL::text";
  return "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
         " ELSE pg_catalog.pg_current_wal_insert_lsn() END::text";
}

const char *fl_timeline_flushed(const struct fl_changelog *log) {
  if (!log->catalog.has_lsn || log->without_timeline >= FL_TRYING) return "NULL::text";
  return "CASE WHEN NOT pg_catalog.pg_is_in_recovery()"
         " THEN pg_catalog.pg_current_wal_flush_lsn()::text END";
}

void fl_timeline_note_handled(struct fl_log_reader *reading, uint64_t lsn) {
  bool standby = reading->log->catalog.standby;
  bool unknown = reading->strict || (standby && fl_server_lacks_work(reading));
  fl_reader_note_handled(&reading->reader, unknown ? 0 : lsn);
}

/* A live reader asks for rows when those before them have been worked on, unless that is done
   beside it. */
void fl_timeline_note_read(struct fl_log_reader *reading) {
  const struct fl_reader *reader = &reading->reader;
  if (!fl_server_has_all(reading)) return;
  if (reader->live && !reading->beside && reader->chunk.left == 0)
    fl_timeline_note_handled(reading, reader->prefetched.lsn);
}

bool fl_timeline_differs(const struct fl_log_reader *reading) {
  return fl_history_differs(&reading->log->history, reading->reader.cursor.timeline);
}

void fl_timeline_open(struct fl_log_reader *reading) {
  struct fl_reader *reader = &reading->reader;
  uint64_t lsn = reader->cursor.lsn;
  bool complete = fl_reader_begin(reader);
  fl_timeline_note_handled(reading, complete ? lsn : 0);
  if (!reading->log->sight.synchronous) reader->proof.alone = reader->proof.younger_alone = true;
}

/* The horizon is the one of before. `at` and `synchronous` are columns. */
static void note_sight(struct fl_changelog *log, int64_t newest, int at, int64_t given,
                       int synchronous) {
  int64_t newest_at = fl_result_number(&log->pg, at, FL_NO_TIME);
  if (newest_at != FL_NO_TIME && newest_at != INT64_MAX) newest_at += FL_EPOCH_MICROSECONDS;
  log->sight.newest = newest;
  log->sight.newest_at = newest_at;
  log->sight.given = given;
  log->sight.base = log->horizon.seq;
  log->sight.synchronous = fl_result_true(&log->pg, synchronous) && !log->catalog.standby;
}

void fl_timeline_note_tick(struct fl_changelog *log) {
  struct fl_history *history = &log->history;
  if (!log->catalog.pooled && !log->catalog.standby)
    fl_history_note_flushed(history, fl_result_lsn(&log->pg, FL_TICK_FLUSHED));
  note_sight(log, history->largest, FL_TICK_LARGEST_AT, history->last_given, FL_TICK_SYNCHRONOUS);
}

bool fl_timeline_note_sight(struct fl_changelog *log) {
  note_sight(log, fl_result_number(&log->pg, FL_SIGHT_NEWEST, -1), FL_SIGHT_NEWEST_AT,
             fl_result_number(&log->pg, FL_SIGHT_LAST_GIVEN, -1), FL_SIGHT_SYNCHRONOUS);
  return true;
}

struct fl_sight fl_timeline_sight(const struct fl_log_reader *reading) {
  struct fl_sight sight = reading->log->sight;
  if (reading->reader.cursor.base < sight.base) sight.base = reading->reader.cursor.base;
  return sight;
}

/* Going on where all was when it had been worked on, if the server has all of the WAL of then. What
   was delivered since comes again: the work on it may have seen what is lost. Rows that are there
   stay named; what the work has read since is not proven by them. */
static bool go_back(struct fl_log_reader *reading) {
  const struct fl_history *history = &reading->log->history;
  struct fl_reader *reader = &reading->reader;
  struct fl_cursor place;
  struct fl_named named;
  bool names = reading->verdict == FL_VERDICT_THERE && fl_proof_name(&reader->proof, &named);
  if (reader->commits && reader->delivered) return false; /* it is not to be done twice */
  if (!fl_history_continues(history, reader->cursor.timeline, reader->handled.lsn) ||
      !fl_cursor_copy(&place, &reader->handled))
    return false;
  place.next = place.base;
  place.rescan_from = INT64_MAX;
  place.lsn = 0;
  if (names) named.proves = FL_PROVES_NO_WORK;
  fl_reader_go_to(reader, place, names ? &named : NULL);
  return true;
}

/* Where the rows that it names show that nothing was lost, a reader goes on. Else the WAL may show
   it; and if what was read beside those rows was not safe, the former comes last, since more comes
   again then. */
static bool change_timeline(struct fl_log_reader *reading) {
  struct fl_named named;
  struct fl_reader *reader = &reading->reader;
  bool there = reading->verdict == FL_VERDICT_THERE && !reading->strict;
  if (there && fl_proof_name(&reader->proof, &named) &&
      (named.proves == FL_PROVES_ALL || reader->commits))
    return fl_reader_retreat(reader, &reading->parted);
  if (reading->verdict == FL_VERDICT_MISSING) return false;
  return go_back(reading) || (there && fl_reader_retreat(reader, &reading->parted));
}

/* A reader that was on another timeline goes on here, unless something may be lost. */
void fl_timeline_change(struct fl_log_reader *reading) {
  struct fl_reader *reader = &reading->reader;
  if (!fl_timeline_differs(reading) || (reader->delivered && !reader->live) ||
      !change_timeline(reading))
    return;
  reader->cursor.timeline = reading->log->history.timeline;
  reader->proof.elder = true;
  fl_timeline_note_handled(reading, 0);
}
