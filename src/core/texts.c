/* The texts of the log's own statements: what their words stand for at this moment. */
#include "texts.h"

#include "gaps.h"
#include "refusals.h"
#include "server.h"
#include "timeline.h"
#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The values that the words of a statement have at this moment. */
struct values {
  char after[24], base[24], until[24], limit[24], sequence[96], log[FL_NAME_SIZE + 20];
  char trimmed_to[4 * FL_NAME_SIZE + 400], empty_to[2 * FL_NAME_SIZE + 200];
  char deleted[FL_NAME_SIZE + 150], state[FL_NAME_SIZE + 150];
  char timeline[FL_TIMELINE_SIZE];
  char gone[4 * FL_NAME_SIZE + 500], deleted_on[FL_NAME_SIZE + 200];
  struct fl_bytes log_oid, name, columns, apart;
  struct fl_verify_words named;
};

static void print_number(char text[24], int64_t number) { snprintf(text, 24, "%" PRId64, number); }

static bool quote(const struct fl_changelog *log, const char *text, struct fl_bytes *out) {
  return fl_pgconn_quote(&log->pg, text, strlen(text), out);
}

/* Which changes are gone: exact where trims leave their mark (-1: the mark is missing). Otherwise
   the best guess there is: all below the smallest seq, or all that was ever given (a standby does
   not tell that). */
static void print_trimmed_to(const struct fl_changelog *log, struct values *values) {
  if (log->history.has_state)
    snprintf(values->trimmed_to, sizeof values->trimmed_to,
             "coalesce((SELECT trimmed_to FROM %s_state" FL_NEWEST_STATE "), -1)", values->log);
  else
    snprintf(values->trimmed_to, sizeof values->trimmed_to,
             "coalesce((SELECT min(seq) FROM %s WHERE seq > %s) - 1, %s)::bigint", values->log,
             values->empty_to, log->catalog.standby ? "0" : values->sequence);
}

/* Up to where the log is empty for good: the smallest seq is looked for above it, since nobody
   can remove what was deleted there as long as an old snapshot might see it. The state says so,
   unless the sequence was set back; or this connection has seen it. */
static void print_empty_to(const struct fl_changelog *log, struct values *values) {
  if (log->history.exact)
    snprintf(values->empty_to, sizeof values->empty_to,
             "(SELECT CASE WHEN trimmed_to <= %s THEN empty_to ELSE 0 END"
             " FROM %s_state" FL_NEWEST_STATE ")",
             values->sequence, values->log);
  else
    print_number(values->empty_to, log->history.empty_to);
}

/* For a tick, which reads the state once. */
static void print_state(struct values *values) {
  snprintf(values->state, sizeof values->state,
           "(SELECT trimmed_to::text || ' ' || empty_to::text FROM %s_state" FL_NEWEST_STATE ")",
           values->log);
}

static void print_deleted(const struct fl_changelog *log, struct values *values) {
  strcpy(values->deleted, "NULL");
  if (log->history.exact)
    snprintf(values->deleted, sizeof values->deleted,
             "(SELECT deleted::text FROM %s_state" FL_NEWEST_STATE ")", values->log);
}

/* What was deleted, as far as it is known, and on which timeline last; 1: on no later one. */
static void print_gone(const struct fl_changelog *log, struct values *values) {
  if (log->history.exact)
    snprintf(values->gone, sizeof values->gone,
             "(SELECT deleted FROM %s_state" FL_NEWEST_STATE ")", values->log);
  else
    snprintf(values->gone, sizeof values->gone,
             "int8multirange(int8range(NULL, %s::bigint, '[]'))", values->trimmed_to);
  strcpy(values->deleted_on, "NULL::int");
  if (log->catalog.has_timelines)
    snprintf(values->deleted_on, sizeof values->deleted_on,
             "(SELECT coalesce(max(nullif(t, 0)), 1) FROM (SELECT timelines FROM %s_state"
             FL_NEWEST_STATE ") s, pg_catalog.unnest(s.timelines) t"
             " HAVING min(t) IS DISTINCT FROM 0)",
             values->log);
}

static const char *created_at(const struct fl_changelog *log) {
  return log->catalog.columns >> FL_FIELD_created_at & 1 ? "created_at::pg_catalog.timestamptz"
                                                         : "NULL::pg_catalog.timestamptz";
}

/* The highest seq ever given, where this role is allowed to know it. */
static void print_last_given(const struct fl_changelog *log, struct values *values) {
  if (log->history.last_given < 0)
    strcpy(values->sequence, "NULL::bigint");
  else
    snprintf(values->sequence, sizeof values->sequence,
             "coalesce(pg_catalog.pg_sequence_last_value(%" PRIu32 "), 0)", log->catalog.sequence);
}

/* On a standby, of a few rows: those that the reader did not have. */
static bool print_new(bool few, struct fl_bytes *apart) {
  const char *text = " AND NOT seq::pg_catalog.int8 <@ $3::pg_catalog.int8multirange"
                     " AND $4::pg_catalog.int8 IS NOT NULL";
  return (!few || fl_bytes_add(apart, text)) && fl_bytes_append(apart, "", 1);
}

/* The changes of writers that were open at the tick may have become visible since. They are left
   for the scan behind the tick that finds these writers gone, which begins at their first one: or
   some of them would come before others that were written earlier. They are all above the horizon;
   a change below it that says the same xid has come from elsewhere, with a dump. */
static bool print_apart(const struct fl_changelog *log, enum fl_statement statement,
                        struct fl_bytes *apart) {
  bool few = statement >= FL_STATEMENT_FEW, told = fl_knows_writers(log);
  bool anew = log->reading && fl_server_looks_anew(log->reading);
  const char *xids = log->under_way.data ? log->under_way.data : "{}";
  char horizon[24];
  if (anew) return print_new(few, apart);
  if (few)
    return fl_bytes_add(apart, told ? " AND (seq <= $4::pg_catalog.int8 OR coalesce("
                                      "txid <> ALL ($3::pg_catalog.int8[]), true))"
                                    : " AND $3::pg_catalog.int8[] IS NOT NULL"
                                      " AND $4::pg_catalog.int8 IS NOT NULL") &&
           fl_bytes_append(apart, "", 1);
  if (!told || !log->reading || !log->reading->reader.live || strcmp(xids, "{}") == 0)
    return fl_bytes_append(apart, "", 1);
  print_number(horizon, log->horizon.seq);
  return fl_bytes_add(apart, " AND (seq <= ") && fl_bytes_add(apart, horizon) &&
         fl_bytes_add(apart, " OR coalesce(txid <> ALL ('") && fl_bytes_add(apart, xids) &&
         fl_bytes_add(apart, "'::pg_catalog.int8[]), true))") && fl_bytes_append(apart, "", 1);
}

static bool find_values(const struct fl_changelog *log, enum fl_statement statement,
                        struct values *values) {
  snprintf(values->log, sizeof values->log, "%s.forge_change_log", log->catalog.schema);
  print_last_given(log, values);
  print_empty_to(log, values);
  print_trimmed_to(log, values);
  print_deleted(log, values);
  if (statement == FL_STATEMENT_VERIFY) print_gone(log, values);
  print_state(values);
  fl_timeline_print(log, values->timeline);
  return quote(log, log->name, &values->name) && fl_bytes_append(&values->name, "", 1) &&
         quote(log, values->log, &values->log_oid) &&
         fl_bytes_add(&values->log_oid, "::pg_catalog.regclass::pg_catalog.oid") &&
         fl_bytes_append(&values->log_oid, "", 1) && print_apart(log, statement, &values->apart) &&
         (statement != FL_STATEMENT_VERIFY || fl_verify_words(log, &values->named)) &&
         (!log->reading || fl_statement_columns(log->catalog.columns, &values->columns));
}

static bool fill(struct fl_changelog *log, enum fl_statement statement, struct values *values,
                 const char *filter) {
  const struct fl_word words[] = {{"log", values->log},
                                  {"log_oid", values->log_oid.data},
                                  {"name", values->name.data},
                                  {"trimmed_to", values->trimmed_to},
                                  {"last_given", values->sequence},
                                  {"empty_to", values->empty_to},
                                  {"seen_state",
                                   log->history.exact ? values->state : values->trimmed_to},
                                  {"deleted", values->deleted},
                                  {"timeline", values->timeline},
                                  {"lsn", fl_timeline_lsn(log)},
                                  {"server", log->catalog.pooled ? FL_THIS_SERVER : "NULL::text"},
                                  {"flushed", fl_timeline_flushed(log)},
                                  {"base", values->base},
                                  {"after", values->after},
                                  {"until", values->until},
                                  {"limit", values->limit},
                                  {"columns", values->columns.data},
                                  {"filter", filter},
                                  {"apart", values->apart.data},
                                  {"created_at", created_at(log)},
                                  {"gone", values->gone},
                                  {"deleted_on", values->deleted_on},
                                  {"named_rows", values->named.rows.data},
                                  {"named_set", values->named.set.data},
                                  {"had", log->under_way.data},
                                  {NULL, NULL}};
  const char *unknown;
  int length;
  log->sql.length = 0;
  if (fl_statement_fill(statement, words, &log->sql, &unknown, &length)) return true;
  if (!unknown) return fl_changelog_no_memory(log);
  fl_fail(&log->pg.error, FL_ERR_SCHEMA, NULL, "a statement has the unknown word @%.*s@", length,
          unknown);
  return false;
}

bool fl_changelog_text(struct fl_changelog *log, enum fl_statement statement, int64_t after) {
  const struct fl_log_reader *reading = log->reading;
  struct values values;
  bool done;
  memset(&values, 0, sizeof values);
  print_number(values.after, after);
  print_number(values.base, reading ? fl_base_of(reading, after) : 0);
  print_number(values.until, reading ? reading->reader.cursor.until : 0);
  print_number(values.limit, reading ? reading->reader.prefetched.limit : 0);
  done = find_values(log, statement, &values)
             ? fill(log, statement, &values,
                    reading && reading->filter.data ? reading->filter.data : "")
             : fl_changelog_no_memory(log);
  fl_bytes_free(&values.log_oid);
  fl_bytes_free(&values.name);
  fl_bytes_free(&values.columns);
  fl_bytes_free(&values.apart);
  fl_verify_free(&values.named);
  return done;
}
