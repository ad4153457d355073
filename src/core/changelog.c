/* The log's own operations: what their answers mean for the horizon, the history and the
   readers. */
#include "changelog.h"

#include "gaps.h"
#include "refusals.h"
#include "result.h"
#include "server.h"
#include "texts.h"
#include "timeline.h"
#include "verify.h"
#include "writers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool replace(char **place, const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (!copy) return false;
  strcpy(copy, text);
  free(*place);
  *place = copy;
  return true;
}

bool fl_changelog_setup(struct fl_changelog *log, const char *conninfo, const char *name) {
  fl_history_init(&log->history);
  return replace(&log->conninfo, conninfo) && replace(&log->name, name);
}

/* What was found of the rows that readers name was found elsewhere. */
static void doubt(struct fl_changelog *log) {
  struct fl_log_reader *each;
  for (each = log->readers; each; each = each->next) each->verdict = FL_VERDICT_NONE;
}

bool fl_changelog_connect(struct fl_changelog *log, const struct fl_place_of_server *place) {
  struct fl_log_reader *each;
  for (each = log->readers; each; each = each->next) fl_reader_drop_request(&each->reader);
  doubt(log);
  fl_horizon_reconnected(&log->horizon);
  fl_server_connect(log);
  log->operation = FL_OP_NONE;
  log->history.unflushed_lsn = 0; /* a server that has crashed writes other WAL there */
  log->without_timeline = FL_NOT_TRIED;
  log->server[0] = '\0';
  log->catalog.pooled = true; /* until it is known */
  fl_prepared_reset(&log->prepared);
  return fl_pgconn_connect(&log->pg, log->conninfo, place);
}

/* ---- beginning ---- */

/* Whether a statement can begin now; a lost connection says so again. */
static bool ready(struct fl_changelog *log) {
  if (log->pg.state == FL_PGCONN_IDLE) return true;
  if (log->pg.state != FL_PGCONN_CLOSED)
    return fl_changelog_fail(log, FL_ERR_QUERY, "busy",
                             "another operation is under way on this connection");
  if (log->pg.error.kind == FL_ERR_NONE)
    fl_changelog_fail(log, FL_ERR_CLOSED, NULL, "not connected");
  return false;
}

bool fl_changelog_query(struct fl_changelog *log, const char *sql, int count,
                        const char *const *values) {
  if (!ready(log) || !fl_pgconn_send(&log->pg, sql, count, values, NULL)) return false;
  log->operation = FL_OP_QUERY;
  return true;
}

static bool begun(struct fl_changelog *log, enum fl_statement statement, bool sent) {
  if (!sent) return false;
  log->operation = FL_OP_STATEMENT;
  log->statement = statement;
  return true;
}

static bool send(struct fl_changelog *log, enum fl_statement statement, struct fl_bytes *copy) {
  log->way = FL_WAY_PLAIN;
  return begun(log, statement, fl_pgconn_send(&log->pg, log->sql.data, 0, NULL, copy));
}

/* Sends log->sql, or what was prepared of it, with the parameters of log->call. */
static bool call(struct fl_changelog *log) {
  const struct fl_call *call = &log->call;
  const char *const values[] = {call->numbers[0], call->numbers[1], log->under_way.data,
                                call->numbers[2], call->numbers[3]};
  const char *name = log->way == FL_WAY_EXECUTE ? call->name : NULL;
  if (log->way == FL_WAY_PREPARE) return fl_pgconn_prepare(&log->pg, call->name, log->sql.data);
  if (call->rows)
    return fl_pgconn_select(&log->pg, name, log->sql.data, call->count, values, call->rows);
  return name ? fl_pgconn_execute(&log->pg, name, call->count, values)
              : fl_pgconn_send(&log->pg, log->sql.data, call->count, values, NULL);
}

/* The same for a statement that comes again and again, which is prepared where that holds: not
   behind a pooler, which may give each statement another server process; nor in a transaction of
   the user's, which must not fail for it. */
static bool send_often(struct fl_changelog *log, enum fl_statement statement, int count,
                       struct fl_bytes *rows) {
  log->call.count = count;
  log->call.rows = rows;
  log->way = FL_WAY_PLAIN;
  if (!log->catalog.pooled && !fl_pgconn_in_transaction(&log->pg))
    log->way = fl_prepared_way(&log->prepared, log->sql.data, log->call.name);
  return begun(log, statement, call(log));
}

/* The seq above which a tick looks for the largest. Where writers are not told apart it looks at
   all: of one that commits between a tick and a read, fewer changes are in sight then. */
static int64_t durable(const struct fl_changelog *log) {
  return fl_knows_writers(log) && !log->catalog.standby ? log->history.durable : 0;
}

bool fl_changelog_begin(struct fl_changelog *log, enum fl_statement statement) {
  if (!ready(log)) return false;
  if (statement == FL_STATEMENT_TICK && !fl_can_tick(log)) return false;
  log->reading = NULL;
  if (!fl_changelog_text(log, statement, durable(log))) return false;
  if (statement != FL_STATEMENT_TICK) return send(log, statement, NULL);
  snprintf(log->call.numbers[0], sizeof log->call.numbers[0], "%" PRId64, durable(log));
  return send_often(log, statement, 1, NULL);
}

/* What the reader does not want matters only above its base, where a live one remembers what it has
   had. */
static bool passes(const struct fl_log_reader *reader) {
  const struct fl_changelog *log = reader->log;
  return log->history.exact && reader->reader.live && reader->filter.data &&
         reader->reader.cursor.until > log->horizon.seq;
}

/* Which additions the reader's statement needs. What was deleted above its base matters only where
   something was. */
static enum fl_statement variant(const struct fl_log_reader *reader) {
  enum fl_statement first = fl_server_looks_anew(reader) ? FL_STATEMENT_NEW : FL_STATEMENT_READ;
  return first + (reader->asks_gone ? 1 : 0) + (passes(reader) ? 2 : 0);
}

/* Whether the reader asks again and again, and for no more rows than a statement of a few may
   have. */
static bool wants_few(const struct fl_log_reader *reader, int64_t after) {
  int64_t seqs = reader->reader.cursor.until - after;
  return reader->reader.live && !reader->asks_gone && seqs <= FL_FEW &&
         seqs <= reader->reader.prefetched.limit;
}

static bool fetch_few(struct fl_log_reader *reader, int64_t after) {
  struct fl_changelog *log = reader->log;
  const int64_t numbers[] = {after, reader->reader.cursor.until, log->horizon.seq,
                             fl_base_of(reader, after)};
  bool passing = passes(reader);
  int i;
  for (i = 0; i < 4; i++)
    snprintf(log->call.numbers[i], sizeof log->call.numbers[i], "%" PRId64, numbers[i]);
  return fl_changelog_text(log, passing ? FL_STATEMENT_FEW_PASSED : FL_STATEMENT_FEW, after) &&
         send_often(log, FL_STATEMENT_READ, passing ? 5 : 4, &reader->reader.prefetched.bytes);
}

static bool fetch_chunk(struct fl_log_reader *reader, int64_t after) {
  struct fl_changelog *log = reader->log;
  return fl_changelog_text(log, variant(reader), after) &&
         send(log, FL_STATEMENT_READ, &reader->reader.prefetched.bytes);
}

bool fl_log_reader_fetch(struct fl_log_reader *reader, int most) {
  struct fl_changelog *log = reader->log;
  int64_t after;
  if (!ready(log)) return false;
  log->reading = reader;
  after = fl_reader_request(&reader->reader, most);
  if (fl_server_looks_anew(reader)) after = reader->reader.cursor.base;
  reader->asks_gone = log->history.exact && log->history.trimmed_to > fl_base_of(reader, after);
  if (!fl_server_note_delivered(reader))
    fl_changelog_no_memory(log);
  else if (wants_few(reader, after) ? fetch_few(reader, after) : fetch_chunk(reader, after))
    return true;
  fl_reader_drop_request(&reader->reader);
  return false;
}

bool fl_log_reader_verify(struct fl_log_reader *reader) {
  struct fl_changelog *log = reader->log;
  if (!ready(log)) return false;
  log->reading = reader;
  return fl_changelog_text(log, FL_STATEMENT_VERIFY, reader->reader.proof.low) &&
         send(log, FL_STATEMENT_VERIFY, NULL);
}

/* ---- ending ---- */

bool fl_knows_writers(const struct fl_changelog *log) {
  return log->catalog.columns >> FL_FIELD_txid & 1;
}

/* Another table under the same name has other seqs, so nothing known of the horizon holds for
   it. */
static void set_oid(struct fl_changelog *log, uint32_t oid) {
  if (log->history.log_oid != oid) fl_server_forget(log);
  log->history.log_oid = oid;
}

static void set_last_given(struct fl_changelog *log, int64_t last_given) {
  if (fl_history_note_last_given(&log->history, last_given, log->horizon.high_water))
    fl_server_forget(log);
}

/* On another timeline nobody who wrote before does so any more, and what was given there may be
   given again. */
static bool set_timeline(struct fl_changelog *log, int column) {
  bool changed = fl_history_note_timeline(&log->history, fl_result_text(&log->pg, column));
  if (changed) {
    fl_server_forget(log);
    doubt(log);
  }
  fl_server_note_timeline(log);
  return changed;
}

static bool end_locate(struct fl_changelog *log) {
  const struct fl_pgconn *pg = &log->pg;
  struct fl_catalog *catalog = &log->catalog;
  if (fl_pgconn_rows(pg) == 0) {
    fl_fail(&log->pg.error, FL_ERR_SCHEMA, "42P01", "there is no table %s here", log->name);
    log->pg.error.code = "no_log";
    log->pg.error.remedy = "install";
    return false;
  }
  set_oid(log, (uint32_t)fl_result_number(pg, FL_LOCATE_OID, 0));
  snprintf(catalog->schema, sizeof catalog->schema, "%s", fl_result_text(pg, FL_LOCATE_SCHEMA));
  catalog->increment = fl_result_number(pg, FL_LOCATE_INCREMENT, 0);
  catalog->cache = fl_result_number(pg, FL_LOCATE_CACHE, 0);
  catalog->sequence = (uint32_t)fl_result_number(pg, FL_LOCATE_SEQUENCE, 0);
  set_last_given(log, fl_result_number(pg, FL_LOCATE_LAST_GIVEN, -1));
  fl_server_note(log, fl_result_true(pg, FL_LOCATE_STANDBY));
  catalog->has_timeline = fl_result_true(pg, FL_LOCATE_MAY_TIMELINE);
  catalog->has_lsn = catalog->has_timeline && fl_result_true(pg, FL_LOCATE_MAY_LSN);
  catalog->has_receiver = fl_result_true(pg, FL_LOCATE_MAY_RECEIVER);
  catalog->has_timelines = fl_result_true(pg, FL_LOCATE_HAS_TIMELINES);
  catalog->repeatable = fl_result_true(pg, FL_LOCATE_REPEATABLE);
  catalog->subscriber = fl_result_true(pg, FL_LOCATE_SUBSCRIBER);
  catalog->pooled = fl_result_number(pg, FL_LOCATE_BACKEND, 0) != fl_pgconn_backend(pg);
  log->history.has_state = fl_result_true(pg, FL_LOCATE_HAS_STATE);
  catalog->columns = (uint64_t)fl_result_number(pg, FL_LOCATE_COLUMNS, 0);
  log->history.exact = fl_result_true(pg, FL_LOCATE_EXACT);
  return fl_sees_all(log, fl_result_text(pg, FL_LOCATE_HIDDEN));
}

static bool end_seqs(struct fl_changelog *log) {
  const struct fl_pgconn *pg = &log->pg;
  struct fl_history *history = &log->history;
  history->trimmed_to = fl_result_number(pg, FL_SEQS_TRIMMED_TO, 0);
  history->smallest = fl_result_number(pg, FL_SEQS_SMALLEST, -1);
  history->largest = fl_result_number(pg, FL_SEQS_LARGEST, -1);
  set_last_given(log, fl_result_number(pg, FL_SEQS_LAST_GIVEN, -1));
  set_timeline(log, FL_SEQS_TIMELINE);
  if (history->exact) history->empty_to = fl_result_number(pg, FL_SEQS_EMPTY_TO, 0);
  fl_note_smallest(log, history->smallest);
  if (!fl_history_note_deleted(history, fl_result_text(pg, FL_SEQS_DELETED)))
    return fl_changelog_no_memory(log);
  return fl_knows_trimmed_to(log);
}

/* What writers that are gone have committed lies above their bounds: live readers look there
   again. */
static void rescan(struct fl_changelog *log) {
  struct fl_log_reader *each;
  for (each = log->readers; each; each = each->next)
    if (each->reader.live && log->horizon.gone_low < each->reader.cursor.rescan_from)
      each->reader.cursor.rescan_from = log->horizon.gone_low;
}

/* A pooler may have gone to another server, or to the same after it was started again, without a
   word. */
static bool note_server(struct fl_changelog *log, const char *server) {
  bool another = server && log->server[0] && strcmp(server, log->server) != 0;
  if (server) snprintf(log->server, sizeof log->server, "%s", server);
  if (!another) return false;
  fl_server_forget(log);
  fl_server_connect(log);
  doubt(log);
  return true;
}

static bool end_tick(struct fl_changelog *log) {
  const struct fl_pgconn *pg = &log->pg;
  int64_t before = durable(log);
  if (note_server(log, fl_result_text(pg, FL_TICK_SERVER))) before = 0;
  log->history.largest = fl_result_number(pg, FL_TICK_LARGEST, -1);
  fl_server_note(log, fl_result_true(pg, FL_TICK_STANDBY));
  set_oid(log, (uint32_t)fl_result_number(pg, FL_TICK_OID, 0));
  set_last_given(log, fl_result_number(pg, FL_TICK_LAST_GIVEN, -1));
  log->history.trimmed_to = fl_result_number(pg, FL_TICK_TRIMMED_TO, log->history.exact ? -1 : 0);
  if (set_timeline(log, FL_TICK_TIMELINE)) before = 0;
  fl_timeline_note_tick(log);
  if (!fl_knows_trimmed_to(log) || !fl_sequence_leads(log)) return false;
  fl_note_emptiness(log, fl_result_text(pg, FL_TICK_TRIMMED_TO));
  if (log->catalog.standby) return fl_server_tick(log);
  if (!fl_observe_writers(log, fl_result_text(pg, FL_TICK_WRITERS))) return false;
  fl_horizon_end(&log->horizon, fl_history_high_water(&log->history, before));
  if (log->history.exact) fl_horizon_emptied(&log->horizon, log->history.empty_to);
  rescan(log);
  return true;
}

static bool end_read(struct fl_changelog *log) {
  struct fl_log_reader *reading = log->reading;
  const char *wrong;
  if (!reading) return true;
  if (reading->reader.prefetch == FL_PREFETCH_ABANDONED) {
    fl_reader_drop_request(&reading->reader);
    return true;
  }
  wrong = fl_reader_receive(&reading->reader, &log->history.trimmed_to, &log->history.deleted);
  if (wrong) return fl_changelog_fail(log, FL_ERR_SCHEMA, "not_a_log", wrong);
  if (fl_server_keeps_up(log, reading) && fl_knows_trimmed_to(log) &&
      (fl_leaves_open(log, reading) || fl_joins(log, reading))) {
    if (fl_leaves_open(log, reading)) fl_reader_drop_request(&reading->reader);
    fl_timeline_note_read(reading);
    return true;
  }
  fl_reader_drop_request(&reading->reader);
  return false;
}

static bool end(struct fl_changelog *log) {
  if (log->operation != FL_OP_STATEMENT) return true;
  switch (log->statement) {
    case FL_STATEMENT_LOCATE: return end_locate(log);
    case FL_STATEMENT_SEQS: return end_seqs(log);
    case FL_STATEMENT_READ: return end_read(log);
    case FL_STATEMENT_VERIFY: return fl_verify_end(log);
    case FL_STATEMENT_SIGHT: return fl_timeline_note_sight(log);
    default: return end_tick(log);
  }
}

static void undo(struct fl_changelog *log) {
  if (log->operation == FL_OP_STATEMENT && log->statement == FL_STATEMENT_READ && log->reading)
    fl_reader_drop_request(&log->reading->reader);
}

/* Some servers have no functions of the WAL, and raise: then the statement is begun anew without
   the timeline. Where it fails again, it was not for that. */
static bool try_without_timeline(struct fl_changelog *log) {
  const char *sqlstate = log->pg.error.sqlstate;
  bool asked = log->operation == FL_OP_STATEMENT && log->statement != FL_STATEMENT_LOCATE &&
               log->statement < FL_STATEMENT_READ && log->catalog.has_timeline;
  if (log->without_timeline == FL_TRYING) log->without_timeline = FL_NO;
  if (!asked || log->without_timeline != FL_NOT_TRIED || log->pg.state != FL_PGCONN_IDLE ||
      fl_pgconn_in_transaction(&log->pg) ||
      (strcmp(sqlstate, "55000") != 0 && strcmp(sqlstate, "0A000") != 0))
    return false;
  log->without_timeline = FL_TRYING;
  return fl_changelog_begin(log, log->statement);
}

/* Whether the statement under way is one that may be prepared, and still wanted. */
static bool may_be_sent_again(const struct fl_changelog *log) {
  return log->operation == FL_OP_STATEMENT && log->way != FL_WAY_PLAIN &&
         log->pg.state == FL_PGCONN_IDLE &&
         (log->statement != FL_STATEMENT_READ || log->reading);
}

/* Whether a statement failed since it was to be prepared: it is gone (DISCARD ALL), or it is
   another server process's, where a pooler hides that it is one, or the log has other columns now.
   Of the errors of the server itself some may be real; then they come again. */
static bool failed_for_preparing(const struct fl_changelog *log) {
  static const char *const codes[] = {"08", "0A", "26", "42P05", "42P14", "58", "XX", NULL};
  int i;
  for (i = 0; codes[i]; i++)
    if (strncmp(log->pg.error.sqlstate, codes[i], strlen(codes[i])) == 0) return true;
  return false;
}

/* Steps; what was prepared is executed, and what cannot be prepared is sent again as text, of which
   nobody is to notice. */
static enum fl_step advance(struct fl_changelog *log) {
  for (;;) {
    enum fl_step step = fl_pgconn_step(&log->pg);
    if (!may_be_sent_again(log)) return step;
    if (step == FL_STEP_DONE && log->way == FL_WAY_PREPARE) {
      fl_prepared_ready(&log->prepared, log->sql.data);
      log->way = FL_WAY_EXECUTE;
    } else if (step == FL_STEP_FAILED && failed_for_preparing(log)) {
      log->prepared.refused = true;
      log->way = FL_WAY_PLAIN;
      if (log->call.rows) log->call.rows->length = 0;
    } else
      return step;
    if (!call(log)) return FL_STEP_FAILED;
  }
}

enum fl_step fl_changelog_step(struct fl_changelog *log) {
  enum fl_step step = advance(log);
  if (step == FL_STEP_FAILED && (try_without_timeline(log) || fl_server_try_again(log)))
    return fl_changelog_step(log);
  if (step == FL_STEP_DONE) log->conflicts = 0;
  if (step == FL_STEP_DONE && log->without_timeline == FL_TRYING) log->without_timeline = FL_YES;
  if (step == FL_STEP_DONE && !end(log)) step = FL_STEP_FAILED;
  if (step == FL_STEP_FAILED) undo(log);
  fl_may_be_another(log, step);
  if (step == FL_STEP_DONE || step == FL_STEP_FAILED) log->operation = FL_OP_NONE;
  return step;
}

/* ---- readers ---- */

void fl_log_reader_open(struct fl_log_reader *reader, struct fl_changelog *log) {
  struct fl_cursor *cursor = &reader->reader.cursor;
  reader->log = log;
  reader->log_oid = log->history.log_oid;
  reader->reader.from_start = cursor->base == 0 && cursor->timeline == 0;
  if (!cursor->timeline) cursor->timeline = log->history.timeline;
  fl_timeline_open(reader);
  fl_server_enter(reader);
  reader->next = log->readers;
  log->readers = reader;
  fl_reader_scan(&reader->reader, cursor->next);
}

/* A reader from the beginning begins where there can be something. */
static void skip_emptiness(struct fl_log_reader *reader) {
  struct fl_cursor *cursor = &reader->reader.cursor;
  int64_t empty_to = reader->log->history.empty_to;
  if (!reader->reader.from_start || reader->reader.begun || empty_to <= cursor->next) return;
  cursor->base = cursor->next = reader->reader.proof.floor = empty_to;
}

bool fl_log_reader_seek(struct fl_log_reader *reader) {
  const struct fl_changelog *log = reader->log;
  const struct fl_horizon *horizon = &log->horizon;
  struct fl_cursor *cursor = &reader->reader.cursor;
  bool later = reader->verdict == FL_VERDICT_LATER;
  bool above = reader->reader.live && !reader->reader.settled;
  fl_timeline_change(reader);
  fl_server_note_scan(reader);
  reader->reader.holds = !log->catalog.standby; /* there each look begins at the base */
  if (reader->reader.live) fl_reader_settle(&reader->reader, horizon->seq);
  skip_emptiness(reader);
  fl_reader_scan(&reader->reader, later ? 0 : above ? horizon->high_water : horizon->seq);
  fl_reader_note_scan(&reader->reader, !later && horizon->high_water >= cursor->next &&
                                           cursor->until >= horizon->high_water);
  if (later) return false;
  return cursor->until > cursor->next || log->history.trimmed_to > cursor->next ||
         reader->log_oid != log->history.log_oid || fl_timeline_differs(reader) ||
         (horizon->high_water < cursor->next && !log->catalog.standby) ||
         reader->verdict == FL_VERDICT_MISSING;
}

bool fl_log_reader_can_prefetch(const struct fl_log_reader *reader) {
  const struct fl_changelog *log = reader->log;
  bool doubtful = reader->reader.live && log->history.exact &&
                  log->history.trimmed_to > reader->reader.cursor.base;
  return !doubtful && !fl_server_looks_anew(reader) && fl_reader_can_prefetch(&reader->reader) &&
         log->pg.state == FL_PGCONN_IDLE;
}

static void unlink_reader(struct fl_log_reader *reader) {
  struct fl_log_reader **each = &reader->log->readers;
  while (*each != reader) each = &(*each)->next;
  *each = reader->next;
}

/* Rows that are still on their way to the reader are thrown away when they come. */
void fl_log_reader_close(struct fl_log_reader *reader) {
  struct fl_changelog *log = reader->log;
  if (log) {
    if (log->pg.copy == &reader->reader.prefetched.bytes) log->pg.copy = NULL;
    if (log->reading == reader) log->reading = NULL;
    unlink_reader(reader);
  }
  reader->log = NULL;
  fl_reader_free(&reader->reader);
  fl_ranges_free(&reader->excused);
  fl_ranges_free(&reader->parted);
  fl_bytes_free(&reader->filter);
}

void fl_changelog_close(struct fl_changelog *log) {
  static const struct fl_catalog nowhere;
  fl_pgconn_close(&log->pg);
  while (log->readers) fl_log_reader_close(log->readers);
  fl_horizon_free(&log->horizon);
  fl_history_free(&log->history);
  free(log->conninfo);
  free(log->name);
  fl_bytes_free(&log->sql);
  fl_bytes_free(&log->under_way);
  fl_bytes_free(&log->option);
  log->conninfo = log->name = NULL;
  log->catalog = nowhere;
  log->operation = FL_OP_NONE;
}
