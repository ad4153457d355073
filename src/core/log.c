/* The statements of the log, and what their outcome means for horizon and readers. */
#include "log.h"

#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIMMER "77306496745475" /* 0x464F52470003: advisory lock of the one trimmer */
#define BELL "77306496745662"    /* 0x464F524700BE: held by a follower that sleeps */

#define CLAIM "1179603527, pg_catalog.hashtext(@oid@::text || $1)" /* 0x464F5247 and a consumer's name */

/* Writers: their lock on the log lasts from before their first seq until after their commit is visible. */
#define IS_WRITER \
  "l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted AND l.relation = @oid@ AND l.database =" \
  " (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
#define WRITERS "FROM pg_catalog.pg_locks l WHERE " IS_WRITER

#define TIMELINE \
  "CASE WHEN NOT pg_catalog.pg_is_in_recovery()" \
  " THEN ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))" \
  "::pg_catalog.bit(32)::pg_catalog.int4 END"

#define TICK \
  "SELECT @oid@, (SELECT max(seq) FROM @log@), pg_catalog.pg_is_in_recovery(), @last@, @gone@, " TIMELINE "," \
  " (SELECT pg_catalog.string_agg(w.id || CASE WHEN w.prepared THEN 'p' ELSE '' END" \
  " || CASE w.under_way WHEN true THEN 'u' WHEN false THEN 'e' ELSE '' END, ' ')" \
  " FROM (SELECT l.virtualtransaction AS id, l.pid IS NULL AS prepared," \
  " pg_catalog.bool_or(l.transactionid = ANY (ARRAY(SELECT x::xid" \
  " FROM pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) x))) AS under_way" \
  " FROM pg_catalog.pg_locks l WHERE " IS_WRITER " OR l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'" \
  " GROUP BY 1, 2 HAVING pg_catalog.bool_or(l.locktype = 'relation')) w)"

struct statement {
  const char *name;
  enum fl_operation operation;
  const char *sql; /* @words@ are filled in from what the last look found */
};

static const struct statement statements[] = {
    {"look", FL_OP_LOOK,
     "SELECT c.oid, pg_catalog.quote_ident(n.nspname), q.seqincrement, q.seqcache, q.seqrelid,"
     " CASE WHEN pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, SELECT')"
     " THEN coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), 0) END,"
     " pg_catalog.pg_is_in_recovery(), " TIMELINE ","
     " pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable'),"
     " EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = n.oid AND relname = 'forge_change_log_state')"
     " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
     " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'"
     " LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid IN"
     " (SELECT d.refobjid FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d" /* a default that names it */
     " ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid"
     " WHERE f.adrelid = c.oid AND f.adnum = a.attnum"
     " UNION SELECT d.objid FROM pg_catalog.pg_depend d" /* an identity column */
     " WHERE d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i')"
     " WHERE c.oid = pg_catalog.to_regclass(@name@)"},
    {"seqs", FL_OP_SEQS, "SELECT @gone@, (SELECT min(seq) FROM @log@), (SELECT max(seq) FROM @log@)"},
    {"tick", FL_OP_TICK,
     TICK},
    {"rise", FL_OP_TICK, /* a follower wakes up; others that slept by its bell have to take it over */
     "SELECT pg_catalog.pg_advisory_unlock(" BELL "), pg_catalog.pg_notify('forge_changes', ''); " TICK},
    {"read", FL_OP_READ,
     "COPY (SELECT @gone@, NULL::text, NULL::text, NULL::text, NULL::text, NULL::timestamptz UNION ALL"
     " (SELECT seq::bigint, table_name::text, op::text, row_id::text, changed_cols::text, created_at::timestamptz"
     " FROM @log@ WHERE seq > @after@ AND seq <= @goal@@filter@ ORDER BY seq LIMIT @asked@)) TO STDOUT (FORMAT binary)"},
    {"holders", FL_OP_QUERY,
     "SELECT l.pid, a.application_name, a.usename, a.state, p.gid AS prepared, EXTRACT(epoch FROM"
     " coalesce(a.xact_start, p.prepared))::float8 AS since, l.virtualtransaction FROM (SELECT * " WRITERS ") l"
     " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
     " LEFT JOIN pg_catalog.pg_prepared_xacts p ON l.pid IS NULL AND p.transaction IN" /* by the lock on its xid */
     " (SELECT x.transactionid FROM pg_catalog.pg_locks x WHERE x.locktype = 'transactionid' AND x.pid IS NULL"
     " AND x.virtualtransaction = l.virtualtransaction) ORDER BY since NULLS LAST"},
    {"floor", FL_OP_QUERY, "SELECT seq::bigint AS floor FROM @log@ ORDER BY seq DESC OFFSET $1::bigint LIMIT 1"},
    {"lock", FL_OP_QUERY,
     "SELECT pg_catalog.pg_try_advisory_lock(" TRIMMER ") AS got, pg_catalog.pg_backend_pid() AS pid"},
    {"unlock", FL_OP_QUERY, "SELECT pg_catalog.pg_advisory_unlock(" TRIMMER ")"},
    {"trim", FL_OP_QUERY, /* its commit need not wait for the disk: what a crash brings back is trimmed again */
     "WITH lock AS MATERIALIZED (SELECT pg_catalog.pg_try_advisory_xact_lock(" TRIMMER ") AS got,"
     " pg_catalog.set_config('synchronous_commit', CASE WHEN $5::bool THEN 'off'"
     " ELSE pg_catalog.current_setting('synchronous_commit') END, true)),"
     " gone AS (DELETE FROM @log@ WHERE (SELECT got FROM lock) AND seq = ANY (ARRAY(SELECT seq FROM @log@"
     " WHERE (SELECT got FROM lock) AND created_at < pg_catalog.to_timestamp($1::float8)"
     " AND created_at >= $2::timestamptz AND seq <= $3::bigint ORDER BY created_at LIMIT $4::bigint))"
     " RETURNING seq, created_at) SELECT (SELECT got FROM lock) AS got, count(*) AS deleted, min(seq) AS first,"
     " max(seq) AS last, max(created_at)::text AS newest,"
     " EXISTS (SELECT " WRITERS " AND l.pid <> pg_catalog.pg_backend_pid()) AS others FROM gone"},
    {"would", FL_OP_QUERY, /* what trim would delete */
     "SELECT count(*) AS deleted, min(seq)::bigint AS first, max(seq)::bigint AS last FROM @log@"
     " WHERE created_at < pg_catalog.to_timestamp($1::float8) AND seq <= $2::bigint"},
    {"held", FL_OP_QUERY, /* the seq that every consumer has behind it */
     "SELECT min(substring(position FROM '^(?:[0-9]+:)?([0-9]+)')::bigint) AS seq FROM @schema@.forge_change_log_consumers"},
    {"cancel", FL_OP_QUERY, /* never somebody else's statement: a pooler tells another process than the server's */
     "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = $1::int AND state = 'active'"
     " AND usename = current_user AND (left(query, 500) = left($2, 500)"
     " OR $2::text IS NULL AND pg_catalog.strpos(query, 'forge_change_log') > 0)"},
    {"broadcast", FL_OP_QUERY, /* a row of a program's own, such as workers tell each other */
     "WITH written AS (INSERT INTO @log@ (table_name, op, row_id, created_at)"
     " VALUES ($1, 'BROADCAST', $2, pg_catalog.clock_timestamp()) RETURNING seq)"
     " SELECT pg_catalog.pg_notify('forge_changes', '') FROM written"},
    {"listen", FL_OP_QUERY, "LISTEN forge_changes"},
    {"unlisten", FL_OP_QUERY, "UNLISTEN forge_changes"},
    {"bell", FL_OP_QUERY,
     "SELECT pg_catalog.pg_try_advisory_lock(" BELL ") AS got, EXISTS (SELECT FROM pg_catalog.pg_locks"
     " WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND pid <> pg_catalog.pg_backend_pid()"
     " AND classid::int8 << 32 | objid::int8 = " BELL " AND objsubid = 1 AND database ="
     " (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) AS asleep"},
    {"unbell", FL_OP_QUERY,
     "SELECT pg_catalog.pg_advisory_unlock(" BELL "), pg_catalog.pg_notify('forge_changes', '')"},
    {"transaction", FL_OP_QUERY, "BEGIN ISOLATION LEVEL READ COMMITTED"},
    {"commit", FL_OP_QUERY, "COMMIT"},
    {"rollback", FL_OP_QUERY, "ROLLBACK"},
    {"claim", FL_OP_QUERY,
     "SELECT pg_catalog.pg_try_advisory_lock(" CLAIM ") AS got, pg_catalog.pg_backend_pid() AS pid"},
    {"unclaim", FL_OP_QUERY, "SELECT pg_catalog.pg_advisory_unlock(" CLAIM ")"},
    {"load", FL_OP_QUERY, "SELECT position FROM @schema@.forge_change_log_consumers WHERE name = $1"},
    {"forget", FL_OP_QUERY, "DELETE FROM @schema@.forge_change_log_consumers WHERE name = $1 RETURNING position"},
    {"save", FL_OP_QUERY, /* only over the position that was loaded: of two consumers of one name one fails */
     "INSERT INTO @schema@.forge_change_log_consumers AS c (name, position, updated_at)"
     " VALUES ($1, $2, pg_catalog.clock_timestamp()) ON CONFLICT (name) DO UPDATE SET position = excluded.position,"
     " updated_at = excluded.updated_at WHERE c.position = $3"},
};

static bool fail(struct fl_log *log, enum fl_kind kind, const char *message) {
  fl_fail_text(&log->session.error, kind, NULL, message);
  return false;
}

static bool out_of_memory(struct fl_log *log) {
  fl_fail_text(&log->session.error, FL_QUERY, "53200", "out of memory");
  return false;
}

static bool add(struct fl_log *log, const char *text) { return fl_bytes_append(&log->sql, text, strlen(text)); }

static bool add_number(struct fl_log *log, int64_t number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRId64, number);
  return add(log, digits);
}

static bool add_log(struct fl_log *log) { return add(log, log->place.schema) && add(log, ".forge_change_log"); }

static bool add_oid(struct fl_log *log) {
  char name[FL_NAME_SIZE + sizeof ".forge_change_log"];
  snprintf(name, sizeof name, "%s.forge_change_log", log->place.schema);
  return fl_session_quote(&log->session, name, strlen(name), &log->sql) &&
         add(log, "::pg_catalog.regclass::pg_catalog.oid");
}

static bool add_filter(struct fl_log *log, const struct fl_reader *reader) {
  return !reader->filter.data || fl_bytes_append(&log->sql, reader->filter.data, reader->filter.length);
}

/* The highest seq ever given, where this role may know it. */
static bool add_last(struct fl_log *log) {
  if (log->place.last < 0) return add(log, "NULL::bigint");
  return add(log, "coalesce(pg_catalog.pg_sequence_last_value(") && add_number(log, log->place.sequence) &&
         add(log, "), 0)");
}

/* Changes up to here are gone: exact where trims leave their mark (-1: the mark is missing). Else the best to
   be had: all below the smallest seq, or all that was ever given. */
static bool add_gone(struct fl_log *log) {
  if (log->place.exact)
    return add(log, "coalesce((SELECT trimmed_to FROM ") && add(log, log->place.schema) &&
           add(log, ".forge_change_log_state), -1)");
  return add(log, "coalesce((SELECT min(seq) FROM ") && add_log(log) && add(log, ") - 1, ") && add_last(log) &&
         add(log, ")::bigint");
}

/* Fills in one @word@. */
static bool add_word(struct fl_log *log, const char *word, size_t length, int64_t after) {
  const struct fl_reader *reader = &log->readers[log->reading];
  static const char *const words[] = {"log",   "oid",  "gone",  "last",  "name",
                                      "after", "goal", "asked", "schema"};
  size_t i;
  for (i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0) break;
  switch (i) {
    case 0: return add_log(log);
    case 1: return add_oid(log);
    case 2: return add_gone(log);
    case 3: return add_last(log);
    case 4: return fl_session_quote(&log->session, log->name, strlen(log->name), &log->sql);
    case 5: return add_number(log, after);
    case 6: return add_number(log, reader->cursor.goal);
    case 7: return add_number(log, reader->following.asked);
    case 8: return add(log, log->place.schema);
    default: return add_filter(log, reader);
  }
}

static bool expand(struct fl_log *log, const char *sql, int64_t after) {
  const char *open, *close;
  log->sql.length = 0;
  while ((open = strchr(sql, '@')) != NULL) {
    close = strchr(open + 1, '@');
    if (!fl_bytes_append(&log->sql, sql, (size_t)(open - sql))) return out_of_memory(log);
    if (!add_word(log, open + 1, (size_t)(close - open - 1), after)) return out_of_memory(log);
    sql = close + 1;
  }
  return fl_bytes_append(&log->sql, sql, strlen(sql) + 1) || out_of_memory(log);
}

/* Whether a statement can begin now; a lost connection says so again. */
static bool ready(struct fl_log *log) {
  if (log->session.state == FL_SESSION_IDLE) return true;
  if (log->session.state != FL_SESSION_CLOSED)
    return fail(log, FL_QUERY, "another operation is under way on this connection");
  if (log->session.error.kind == FL_NONE) fail(log, FL_CLOSED, "not connected");
  return false;
}

static bool send(struct fl_log *log, enum fl_operation operation, const char *sql, int count,
                 const char *const *values, struct fl_bytes *copy) {
  log->operation = operation;
  if (fl_session_send(&log->session, sql, count, values, copy)) return true;
  log->operation = FL_OP_NONE;
  return false;
}

static const struct statement *statement_named(const char *name) {
  size_t i;
  for (i = 0; i < sizeof statements / sizeof *statements; i++)
    if (strcmp(statements[i].name, name) == 0) return &statements[i];
  return NULL;
}

static bool replace(char **place, const char *text) {
  char *copy = malloc(strlen(text) + 1);
  if (!copy) return false;
  strcpy(copy, text);
  free(*place);
  *place = copy;
  return true;
}

bool fl_log_setup(struct fl_log *log, const char *conninfo, const char *name) {
  return replace(&log->conninfo, conninfo) && replace(&log->name, name);
}

bool fl_log_connect(struct fl_log *log) {
  fl_reader_lose(&log->readers[FL_SLOT_DRAIN]);
  fl_reader_lose(&log->readers[FL_SLOT_FEED]);
  fl_horizon_reconnected(&log->horizon);
  log->operation = FL_OP_NONE;
  return fl_session_connect(&log->session, log->conninfo);
}

bool fl_log_query(struct fl_log *log, const char *sql, int count, const char *const *values) {
  return ready(log) && send(log, FL_OP_QUERY, sql, count, values, NULL);
}

/* What the rule of the horizon rests on. */
static bool can_tick(struct fl_log *log) {
  const struct fl_place *place = &log->place;
  if (place->standby) {
    fail(log, FL_SCHEMA,
         "this server is a hot standby, where the primary's open writers cannot be seen; connect to the "
         "primary (target_session_attrs=read-write)");
    log->session.error.retryable = true; /* it may be promoted */
    return false;
  }
  if (place->cache == 0) return fail(log, FL_SCHEMA, "no sequence gives forge_change_log.seq its values");
  if (place->cache != 1 || place->increment != 1) {
    fl_fail(&log->session.error, FL_SCHEMA, NULL,
            "the sequence of %s.forge_change_log has CACHE %" PRId64 " and INCREMENT %" PRId64
            ", so its numbers are not ascending in time; ALTER SEQUENCE ... CACHE 1 INCREMENT 1",
            place->schema, place->cache, place->increment);
    return false;
  }
  if (place->repeatable && fl_session_in_transaction(&log->session))
    return fail(log, FL_SCHEMA,
                "in a REPEATABLE READ or SERIALIZABLE transaction new changes cannot be seen; drain outside of "
                "it, or in READ COMMITTED");
  return true;
}

bool fl_log_begin(struct fl_log *log, const char *name, int count, const char *const *values) {
  const struct statement *statement = statement_named(name);
  if (!ready(log)) return false;
  if (!statement || statement->operation == FL_OP_READ) return fail(log, FL_QUERY, "there is no such operation");
  if (statement->operation == FL_OP_TICK && !can_tick(log)) return false;
  if (!expand(log, statement->sql, 0)) return false;
  return send(log, statement->operation, log->sql.data, count, values, NULL);
}

bool fl_log_read(struct fl_log *log, enum fl_slot slot, int most) {
  struct fl_reader *reader = &log->readers[slot];
  int64_t after;
  if (!ready(log)) return false;
  log->reading = slot;
  after = fl_reader_ask(reader, most);
  if (expand(log, statement_named("read")->sql, after) &&
      send(log, FL_OP_READ, log->sql.data, 0, NULL, &reader->following.bytes))
    return true;
  fl_reader_lose(reader);
  return false;
}

static const char *text_at(const struct fl_log *log, int column) {
  size_t length;
  return fl_result_value(&log->session, 0, column, &length);
}

static int64_t number_at(const struct fl_log *log, int column, int64_t otherwise) {
  const char *text = text_at(log, column);
  return text ? strtoll(text, NULL, 10) : otherwise;
}

static bool true_at(const struct fl_log *log, int column) {
  const char *text = text_at(log, column);
  return text && text[0] == 't';
}

/* Another table under the same name has other seqs: what is known of the horizon does not hold for it. */
static void set_oid(struct fl_log *log, uint32_t oid) {
  if (log->place.oid != oid) fl_horizon_free(&log->horizon);
  log->place.oid = oid;
}

/* A sequence never goes back by itself: one that did begins another history. */
static void set_last(struct fl_log *log, int64_t last) {
  log->place.last = last;
  if (last >= 0 && last < log->horizon.top) fl_horizon_free(&log->horizon);
}

static bool end_look(struct fl_log *log) {
  struct fl_place *place = &log->place;
  if (fl_result_shape(&log->session).rows == 0) {
    fl_fail(&log->session.error, FL_SCHEMA, "42P01", "there is no table %s here; run log:install() first", log->name);
    return false;
  }
  set_oid(log, (uint32_t)number_at(log, 0, 0));
  snprintf(place->schema, sizeof place->schema, "%s", text_at(log, 1));
  place->increment = number_at(log, 2, 0);
  place->cache = number_at(log, 3, 0);
  place->sequence = (uint32_t)number_at(log, 4, 0);
  set_last(log, number_at(log, 5, -1));
  place->standby = true_at(log, 6);
  place->timeline = (uint32_t)number_at(log, 7, 0);
  place->repeatable = true_at(log, 8);
  place->exact = true_at(log, 9);
  return true;
}

/* Without its row the state table says nothing, and nothing may be concluded from that. */
static bool marked(struct fl_log *log) {
  if (log->gone >= 0) return true;
  return fail(log, FL_SCHEMA, "forge_change_log_state has lost its row; run log:install() to restore it");
}

static bool end_seqs(struct fl_log *log) {
  log->gone = number_at(log, 0, 0);
  log->smallest = number_at(log, 1, -1);
  log->largest = number_at(log, 2, -1);
  return marked(log);
}

static bool add_writer(struct fl_log *log, const char *text, char **end) {
  int32_t backend = (int32_t)strtol(text, end, 10);
  uint32_t local = (uint32_t)strtoul(*end + 1, end, 10);
  bool prepared = **end == 'p';
  if (prepared) (*end)++;
  if (!fl_horizon_writer(&log->horizon, backend, local, prepared)) return false;
  if (**end != 'u' && **end != 'e') return true; /* it has no xid, or has it no longer */
  fl_horizon_xid(&log->horizon, **end == 'u');
  (*end)++;
  return true;
}

static void note_gone_writers(struct fl_log *log, struct fl_cursor *cursor) {
  if (log->horizon.gone_low < cursor->back) cursor->back = log->horizon.gone_low;
}

/* The tick's top: every seq up to it was given before pg_locks was read. That holds for what its snapshot saw, in
   the log or gone from it, and for what the sequence had given when the statement before this one asked it. */
static int64_t top(const struct fl_log *log, int64_t given_before) {
  int64_t highest = log->largest > 0 ? log->largest : 0;
  bool set_back = log->place.last >= 0 && log->place.last < log->gone;
  if (log->place.exact && !set_back && log->gone > highest) highest = log->gone;
  if (given_before <= log->place.last && given_before > highest) highest = given_before;
  return highest;
}

static bool end_tick(struct fl_log *log) {
  const char *writers = text_at(log, 6);
  char *end;
  int64_t given_before = log->place.last;
  log->largest = number_at(log, 1, -1);
  if (true_at(log, 2)) {
    log->place.standby = true;
    return can_tick(log);
  }
  set_oid(log, (uint32_t)number_at(log, 0, 0));
  set_last(log, number_at(log, 3, -1));
  log->gone = number_at(log, 4, 0);
  log->place.timeline = (uint32_t)number_at(log, 5, 0);
  if (!marked(log)) return false;
  fl_horizon_begin(&log->horizon);
  for (; writers && *writers; writers = *end == ' ' ? end + 1 : end)
    if (!add_writer(log, writers, &end)) return out_of_memory(log);
  fl_horizon_end(&log->horizon, top(log, given_before));
  note_gone_writers(log, &log->readers[FL_SLOT_FEED].cursor);
  return true;
}

static bool gap(struct fl_log *log, const struct fl_cursor *cursor) {
  log->gap_reason = fl_log_gap(log, cursor, &log->gap_upto);
  if (log->readers[log->reading].oid != log->place.oid) log->gap_reason = "reset"; /* another table by now */
  if (!log->gap_reason) return true;
  fl_fail(&log->session.error, FL_GAP, NULL,
          "%s: changes after position %" PRId64 " up to seq %" PRId64
          " cannot be had any more; resync, then go on from a position taken before the resync",
          log->gap_reason, cursor->next, log->gap_upto);
  return false;
}

static bool end_read(struct fl_log *log) {
  struct fl_reader *reader = &log->readers[log->reading];
  bool first = reader->chunk.left == 0;
  struct fl_cursor from = reader->cursor;
  const char *wrong;
  if (reader->abandoned) {
    fl_reader_lose(reader);
    return true;
  }
  wrong = fl_reader_arrive(reader, &log->gone);
  if (wrong) return fail(log, FL_SCHEMA, wrong);
  if (!first) from.next = reader->chunk.last;
  if (marked(log) && ((reader->beginning && from.next == 0) || gap(log, &from))) return true;
  fl_reader_lose(reader);
  return false;
}

static bool end(struct fl_log *log) {
  switch (log->operation) {
    case FL_OP_LOOK: return end_look(log);
    case FL_OP_SEQS: return end_seqs(log);
    case FL_OP_TICK: return end_tick(log);
    case FL_OP_READ: return end_read(log);
    default: return true;
  }
}

static void undo(struct fl_log *log) {
  if (log->operation == FL_OP_READ) fl_reader_lose(&log->readers[log->reading]);
}

enum fl_step fl_log_step(struct fl_log *log) {
  enum fl_step step = fl_session_step(&log->session);
  if (step == FL_DONE && !end(log)) step = FL_FAILED;
  if (step == FL_FAILED) undo(log);
  if (step == FL_DONE || step == FL_FAILED) log->operation = FL_OP_NONE;
  return step;
}

/* Where the sequence may be asked it has the last word: set back below what is gone, it begins another history. */
static int64_t highest_given(const struct fl_log *log) {
  int64_t given = log->place.last >= 0 ? log->place.last : log->gone;
  if (log->largest > given) given = log->largest;
  return log->horizon.top > given ? log->horizon.top : given;
}

const char *fl_log_gap(const struct fl_log *log, const struct fl_cursor *cursor, int64_t *upto) {
  int64_t given = highest_given(log);
  *upto = given;
  if (cursor->timeline && log->place.timeline && cursor->timeline != log->place.timeline) return "failover";
  if (log->gone > cursor->next) {
    *upto = log->gone;
    return "trimmed";
  }
  if (cursor->next > given && (log->place.last >= 0 || given > 0)) return "reset";
  return NULL;
}

void fl_log_close(struct fl_log *log) {
  fl_session_close(&log->session);
  fl_horizon_free(&log->horizon);
  fl_reader_free(&log->readers[FL_SLOT_DRAIN]);
  fl_reader_free(&log->readers[FL_SLOT_FEED]);
  free(log->conninfo);
  free(log->name);
  free(log->sql.data);
  log->conninfo = log->name = log->sql.data = NULL;
  log->sql.length = log->sql.room = 0;
  log->operation = FL_OP_NONE;
}
