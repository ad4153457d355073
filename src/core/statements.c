/* The texts of the statements whose answers C interprets. Whatever else forgelog asks a server
   stands in files of SQL beside the Lua modules. */
#include "statements.h"

#include "change.h"

#include <string.h>

/* Writers: the lock on the log lasts from before their first seq until after their commit is
   visible. */
#define IS_WRITER \
  "l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted" \
  " AND l.relation = @log_oid@ AND l.database = @this_database@"

/* By a default of the column that names it, or as an identity column. */
#define LOG_SEQUENCE \
  "SELECT d.refobjid FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d" \
  " ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid" \
  " AND d.objid = f.oid" \
  " WHERE f.adrelid = c.oid AND f.adnum = a.attnum" \
  " UNION SELECT d.objid FROM pg_catalog.pg_depend d" \
  " WHERE d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i'"

#define NAME_LITERAL(name, kind, type, key) ", '" #name "'"
#define TYPE_LITERAL(name, kind, type, key) ", 'pg_catalog." type "'"
#define AS_TYPE(name, kind, type, key) ", " #name "::pg_catalog." type,
#define AS_NULL(name, kind, type, key) ", NULL::pg_catalog." type,
#define MARKER(name, kind, type, key) ", NULL::pg_catalog." type

/* Which fields the log has columns for. A later column counts only where it has our type, and this
   role may read it: others may have had columns of that name before us, and these may be hidden
   from a reader of the log. */
#define COLUMNS \
  "(SELECT pg_catalog.sum(1 << (want.place - 1)::pg_catalog.int4)" \
  " FROM ROWS FROM (pg_catalog.unnest(ARRAY[@fields@])," \
  " pg_catalog.unnest(ARRAY['pg_catalog.int8'" FL_CHANGE_FIELDS_AFTER_SEQ(TYPE_LITERAL) "]))" \
  " WITH ORDINALITY want(name, type, place)" \
  " JOIN pg_catalog.pg_attribute x ON x.attrelid = c.oid AND x.attname = want.name" \
  " AND NOT x.attisdropped WHERE want.name IN (@first_fields@)" \
  " OR x.atttypid = want.type::pg_catalog.regtype" \
  " AND pg_catalog.has_column_privilege(c.oid, x.attnum, 'SELECT'))"

/* Whether policies of row level security may hide rows of a table from this role: some apply, and
   not all that apply let every row be seen. */
#define HIDES_ROWS \
  "pg_catalog.row_security_active(t.oid) AND (NOT EXISTS (SELECT FROM pg_catalog.pg_policy p" \
  " WHERE p.polrelid = t.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')" \
  " AND @policy_applies@ AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true')" \
  " OR EXISTS (SELECT FROM pg_catalog.pg_policy p" \
  " WHERE p.polrelid = t.oid AND NOT p.polpermissive AND p.polcmd IN ('*', 'r')" \
  " AND @policy_applies@))"

/* Whether a policy is for this role. */
#define POLICY_APPLIES \
  "EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) r" \
  " WHERE r = 0::pg_catalog.oid OR pg_catalog.pg_has_role(r, 'USAGE'))"

const struct fl_word fl_common_words[] = {
    {"trimmer", "77306496745475"},   /* 0x464F52470003: advisory lock of the one trimmer */
    {"installer", "77306496745476"}, /* 0x464F52470004: one install at a time */
    {"bell", "77306496745662"},      /* 0x464F524700BE: held by a follower that sleeps */
    {"claimant", "1179603527"},      /* 0x464F5247: first half of the lock on a consumer's name */
    {"one_table", "1179603540"},     /* 0x464F5254: first half of the lock to watch a table */
    {"this_server", FL_THIS_SERVER},
    {"this_database",
     "(SELECT oid FROM pg_catalog.pg_database"
     " WHERE datname = pg_catalog.current_database())"},
    {"is_writer", IS_WRITER},
    {"log_sequence", LOG_SEQUENCE},
    {"hides_rows", HIDES_ROWS},
    {"policy_applies", POLICY_APPLIES},
    {"fields", "'seq'" FL_CHANGE_FIELDS_AFTER_SEQ(NAME_LITERAL)},
    {"first_fields", "'seq'" FL_CHANGE_FIRST_FIELDS_AFTER_SEQ(NAME_LITERAL)},
    {NULL, NULL}};

/* A lock shows an xid without its epoch: the full number is the one that is nearest to those of
   now. */
#define NOW "pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())"
#define FULL_XID \
  NOW " + ((l.transactionid::text::pg_catalog.int8 - " NOW " + 2147483648) & 4294967295)" \
      " - 2147483648"

/* The writers as text: backend/local id, 'p' for a prepared one, 'u' or 'e' for one with an xid
   that is under way, or has ended; behind a bar, the xids that are under way. The condition on
   g.seq has that read before the locks. */
#define WRITERS \
  "SELECT pg_catalog.string_agg(w.id || CASE WHEN w.prepared THEN 'p' ELSE '' END" \
  " || CASE w.under_way WHEN true THEN 'u' WHEN false THEN 'e' ELSE '' END, ' ')" \
  " || '|' || coalesce(pg_catalog.string_agg(w.xids, ','), '')" \
  " FROM (SELECT l.id, l.prepared, pg_catalog.bool_or(l.under_way) AS under_way," \
  " pg_catalog.string_agg(CASE WHEN l.under_way THEN l.xid::text END, ',') AS xids FROM" \
  " (SELECT l.*, CASE WHEN l.xid IS NOT NULL THEN pg_catalog.txid_status(l.xid)" \
  " IS NOT DISTINCT FROM 'in progress' END AS under_way FROM (SELECT l.virtualtransaction AS id," \
  " l.pid IS NULL AS prepared, l.locktype," \
  " CASE WHEN l.locktype = 'transactionid' THEN " FULL_XID " END AS xid" \
  " FROM pg_catalog.pg_locks l WHERE g.seq IS NOT NULL" \
  " AND (@is_writer@ OR l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock')) l) l" \
  " GROUP BY 1, 2 HAVING pg_catalog.bool_or(l.locktype = 'relation')) w"

/* The columns of a change behind its seq, all NULL. */
#define NO_CHANGE FL_CHANGE_FIELDS_AFTER_SEQ(MARKER)
#define A_MARK FL_CHANGE_FIELDS_AFTER_SEQ(AS_MARK)

/* The columns of the first marker, whose op says how much WAL is written. The rows behind it have
   their types: so the server needs to be told none, which spares it a quarter of its work on a
   statement before the first row. */
#define UNTYPED(name, kind, type, key) ", NULL"
#define MARK ", NULL, @lsn@" FL_CHANGE_FIELDS_AFTER_OP(UNTYPED)

/* The same columns for the end of a range of seqs that the reader has passed. */
#define AS_MARK(name, kind, type, key) \
  ", CASE '" #name "' WHEN 'op' THEN 'passed' END::pg_catalog." type

/* The two ends of each range, as rows. */
#define ENDS(ranges) \
  " CROSS JOIN LATERAL pg_catalog.unnest(" ranges ") g(range)" \
  " CROSS JOIN LATERAL (VALUES (pg_catalog.lower(g.range)), (pg_catalog.upper(g.range) - 1)) e(seq)"

/* Of a standby, which does not show these: the bounds of the snapshot, and the next xid, which is
   read after that was taken. It is asked for as a distance, in a transaction of its own and in no
   condition: there the server would answer again what it has answered before. */
#define STANDBY_SNAPSHOT \
  "CASE WHEN pg_catalog.pg_is_in_recovery() THEN (SELECT pg_catalog.concat_ws(' '," \
  " pg_catalog.txid_snapshot_xmin(s.now), pg_catalog.txid_snapshot_xmax(s.now)," \
  " (pg_catalog.age('3'::pg_catalog.xid)::pg_catalog.int8 + 3) & 4294967295)" \
  " FROM (SELECT pg_catalog.txid_current_snapshot() AS now OFFSET 0) s) END"

/* The highest seq comes first, then the locks, which depend on its row. The largest one that is
   visible is looked for above the one that is known to be given for good (see history.h), since it
   may lie behind any number of changes that are not committed. */
#define MICROSECONDS(time) \
  "('x' || pg_catalog.encode(pg_catalog.timestamptz_send(" time "), 'hex'))::pg_catalog.bit(64)" \
  "::pg_catalog.int8"

/* A commit that is visible is on a standby too, as far as this session can tell of the others. */
#define SYNCHRONOUS \
  "pg_catalog.current_setting('synchronous_standby_names') <> ''" \
  " AND pg_catalog.current_setting('synchronous_commit') IN ('on', 'remote_apply')"

#define TICK \
  "WITH newest AS MATERIALIZED (SELECT seq, @created_at@ AS at FROM @log@" \
  " WHERE seq > $1::pg_catalog.int8 ORDER BY seq DESC LIMIT 1)," \
  " given AS MATERIALIZED (SELECT coalesce((SELECT seq FROM newest), $1::pg_catalog.int8) AS seq)" \
  " SELECT @log_oid@, g.seq, pg_catalog.pg_is_in_recovery(), @last_given@, @seen_state@," \
  " @timeline@, @flushed@, (SELECT " MICROSECONDS("at") " FROM newest), " SYNCHRONOUS "," \
  " @server@, CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN (" WRITERS ") END," \
  " " STANDBY_SNAPSHOT \
  " FROM given g"

/* The same for the proof of a reader in the middle of a scan. */
#define SIGHT \
  "SELECT n.seq, " MICROSECONDS("n.at") ", @last_given@, " SYNCHRONOUS \
  " FROM (SELECT) one LEFT JOIN (SELECT seq, @created_at@ AS at FROM @log@" \
  " WHERE seq > @after@ ORDER BY seq DESC LIMIT 1) n ON true"

/* The rows that a reader names: how many are there, and were deleted. */
#define ADDS \
  "(2 * l.seq::pg_catalog.numeric + 1) * nullif(" MICROSECONDS("@created_at@") "," \
  " '-9223372036854775808')"
#define SUM(filter) "pg_catalog.mod(sum(" ADDS ")" filter ", 18446744073709551616)"
#define HIGHEST \
  " FILTER (WHERE l.seq = pg_catalog.upper('@named_set@'::pg_catalog.int8multirange) - 1)"
#define VERIFY \
  "SELECT count(*), coalesce(" SUM("") ", 0)::text," \
  " pg_catalog.pg_is_in_recovery(), (SELECT coalesce(sum(pg_catalog.upper(g.range)" \
  " - pg_catalog.lower(g.range)), 0) FROM pg_catalog.unnest(@gone@" \
  " * '@named_set@'::pg_catalog.int8multirange) g(range)), @deleted_on@," \
  " " SUM(HIGHEST) "::text," \
  " (@gone@ * pg_catalog.int8multirange(pg_catalog.int8range(@after@, NULL, '()')))::text" \
  " FROM @log@ l WHERE @named_rows@"

/* What was deleted above a place. */
#define GONE \
  " UNION ALL SELECT e.seq" NO_CHANGE " FROM (SELECT deleted FROM @log@_state" FL_NEWEST_STATE \
  ") s" ENDS( \
      "s.deleted * pg_catalog.int8multirange(pg_catalog.int8range(@base@, NULL, '()'))")

/* Which of the changes that this statement looks at the reader does not want, above its base. */
#define PASSED(rows, chunk) \
  " UNION ALL SELECT e.seq" A_MARK \
  " FROM (SELECT pg_catalog.range_agg(pg_catalog.int8range(seq, seq, '[]')) AS ranges FROM " rows \
  " WHERE seq > @after@ AND seq > @base@ AND seq <= coalesce((SELECT max(w.seq) FROM" \
  " (" chunk ") w HAVING count(*) = @limit@), @until@)" \
  " AND NOT coalesce((true@filter@), false)@apart@) p" ENDS("p.ranges")

#define CHUNK(columns) \
  "SELECT " columns " FROM @log@ WHERE seq > @after@ AND seq <= @until@@filter@@apart@" \
  " ORDER BY seq LIMIT @limit@"

/* The same for a reader that begins at its base with each statement, and may have had very much
   above that: the ranges that it did not have are looked up, one by one. */
#define NEW_RANGES \
  "pg_catalog.unnest(pg_catalog.int8multirange(pg_catalog.int8range(@after@," \
  " greatest(@after@, @until@), '(]')) - '@had@'::pg_catalog.int8multirange) h(range)"
#define IN_RANGE "l.seq >= pg_catalog.lower(h.range) AND l.seq < pg_catalog.upper(h.range)"
#define NEW_ROWS \
  "(SELECT l.* FROM " NEW_RANGES \
  " CROSS JOIN LATERAL (SELECT * FROM @log@ l WHERE " IN_RANGE ") l) l"
#define NEW_CHUNK(columns) \
  "SELECT c.* FROM " NEW_RANGES " CROSS JOIN LATERAL (SELECT " columns " FROM @log@ l" \
  " WHERE " IN_RANGE "@filter@ ORDER BY l.seq LIMIT @limit@) c ORDER BY c.seq LIMIT @limit@"

#define SEQ_AND_COLUMNS "seq::pg_catalog.int8@columns@"
#define READ(gone, passed, chunk) \
  "COPY (SELECT @trimmed_to@" MARK gone passed " UNION ALL (" chunk(SEQ_AND_COLUMNS) \
  ")) TO STDOUT (FORMAT binary)"

/* A few rows for a live reader, which asks for them again and again: a statement that is planned
   once. The limit is always the same, so that the planner need not know the seqs to expect few
   rows. */
#define AFTER "$1::pg_catalog.int8"
#define UNTIL "$2::pg_catalog.int8"
#define ABOVE_BASE "$5::pg_catalog.int8"
#define FEW_ROWS \
  "(SELECT seq::pg_catalog.int8@columns@ FROM @log@ WHERE seq > " AFTER " AND seq <= " UNTIL \
  " ORDER BY seq LIMIT " FL_FEW_TEXT ") few"

#define FEW_PASSED \
  " UNION ALL SELECT e.seq" A_MARK \
  " FROM (SELECT pg_catalog.range_agg(pg_catalog.int8range(seq, seq, '[]')) AS ranges" \
  " FROM " FEW_ROWS " WHERE seq > " ABOVE_BASE \
  " AND NOT coalesce((true@filter@), false)@apart@) p" ENDS("p.ranges")

#define FEW(passed) \
  "SELECT @trimmed_to@" MARK passed \
  " UNION ALL (SELECT * FROM " FEW_ROWS " WHERE true@filter@@apart@ ORDER BY seq)"

static const struct {
  const char *name, *sql;
} statements[] = {
    {"locate",
     "SELECT c.oid, pg_catalog.quote_ident(n.nspname), q.seqincrement, q.seqcache, q.seqrelid,"
     " CASE WHEN pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, SELECT')"
     " THEN coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), 0) END,"
     " pg_catalog.pg_is_in_recovery(),"
     " pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'EXECUTE')"
     " AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_lsn()', 'EXECUTE'),"
     " pg_catalog.current_setting('transaction_isolation')"
     " IN ('repeatable read', 'serializable'),"
     " s.oid IS NOT NULL, " COLUMNS ","
     " (SELECT count(*) FROM pg_catalog.pg_attribute x WHERE x.attrelid = s.oid"
     " AND x.attname IN ('deleted', 'empty_to') AND NOT x.attisdropped"
     " AND pg_catalog.has_column_privilege(s.oid, x.attnum, 'SELECT')) = 2,"
     " (SELECT t.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class t"
     " WHERE t.oid IN (c.oid, s.oid) AND @hides_rows@ LIMIT 1),"
     " EXISTS (SELECT FROM pg_catalog.pg_subscription_rel r WHERE r.srrelid = c.oid),"
     " (SELECT pg_catalog.bool_and(coalesce(pg_catalog.has_function_privilege("
     "pg_catalog.to_regprocedure('pg_catalog.' || f.name || '()'), 'EXECUTE'), false))"
     " FROM (VALUES ('pg_current_wal_insert_lsn'), ('pg_current_wal_flush_lsn'),"
     " ('pg_last_wal_receive_lsn'), ('pg_last_wal_replay_lsn'), ('pg_control_checkpoint'),"
     " ('pg_control_recovery')) f(name)),"
     " coalesce(pg_catalog.has_function_privilege("
     "pg_catalog.to_regprocedure('pg_catalog.pg_stat_get_wal_receiver()'), 'EXECUTE'), false),"
     " EXISTS (SELECT FROM pg_catalog.pg_attribute x WHERE x.attrelid = s.oid"
     " AND x.attname = 'timelines' AND NOT x.attisdropped"
     " AND pg_catalog.has_column_privilege(s.oid, x.attnum, 'SELECT')),"
     " pg_catalog.pg_backend_pid()"
     " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
     " LEFT JOIN pg_catalog.pg_class s"
     " ON s.relnamespace = n.oid AND s.relname = 'forge_change_log_state'"
     " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'"
     " LEFT JOIN LATERAL (SELECT x.* FROM (@log_sequence@) b(oid)"
     " JOIN pg_catalog.pg_sequence x ON x.seqrelid = b.oid) q ON true"
     " WHERE c.oid = pg_catalog.to_regclass(@name@)::pg_catalog.oid"},
    {"seqs",
     "SELECT @trimmed_to@, (SELECT min(seq) FROM @log@ WHERE seq > @empty_to@),"
     " (SELECT max(seq) FROM @log@), @last_given@, @empty_to@, @deleted@, @timeline@"},
    {"tick", TICK},
    {"sight", SIGHT},
    /* Only a reader begins these. */
    {NULL, READ("", "", CHUNK)},
    {NULL, READ(GONE, "", CHUNK)},
    {NULL, READ("", PASSED("@log@", CHUNK("seq")), CHUNK)},
    {NULL, READ(GONE, PASSED("@log@", CHUNK("seq")), CHUNK)},
    {NULL, READ("", "", NEW_CHUNK)},
    {NULL, READ(GONE, "", NEW_CHUNK)},
    {NULL, READ("", PASSED(NEW_ROWS, NEW_CHUNK("seq")), NEW_CHUNK)},
    {NULL, READ(GONE, PASSED(NEW_ROWS, NEW_CHUNK("seq")), NEW_CHUNK)},
    {NULL, FEW("")},
    {NULL, FEW(FEW_PASSED)},
    {NULL, VERIFY}};

int fl_statement_named(const char *name) {
  int i;
  for (i = 0; i < FL_STATEMENT_READ; i++)
    if (strcmp(statements[i].name, name) == 0) return i;
  return -1;
}

bool fl_statement_columns(uint64_t columns, struct fl_bytes *out) {
  static const char *const there[] = {"", FL_CHANGE_FIELDS_AFTER_SEQ(AS_TYPE)};
  static const char *const missing[] = {"", FL_CHANGE_FIELDS_AFTER_SEQ(AS_NULL)};
  int field;
  for (field = 1; field < FL_FIELDS; field++) {
    bool has = field < FL_FIRST_OPTIONAL || columns >> field & 1;
    if (!fl_bytes_add(out, has ? there[field] : missing[field])) return false;
  }
  return fl_bytes_append(out, "", 1);
}

static const char *find(const struct fl_word *words, const char *name, size_t length) {
  for (; words->name; words++)
    if (strlen(words->name) == length && memcmp(words->name, name, length) == 0) return words->text;
  return NULL;
}

static bool fill(const char *sql, const struct fl_word *words, struct fl_bytes *out,
                 const char **unknown, int *length) {
  const char *open, *close, *text;
  while ((open = strchr(sql, '@')) != NULL && (close = strchr(open + 1, '@')) != NULL) {
    size_t name_length = (size_t)(close - open - 1);
    text = find(words, open + 1, name_length);
    if (!fl_bytes_append(out, sql, (size_t)(open - sql))) return false;
    if (text && !fl_bytes_add(out, text)) return false;
    if (!text) {
      text = find(fl_common_words, open + 1, name_length);
      *unknown = open + 1;
      *length = (int)name_length;
      if (!text) return false;
      *unknown = NULL;
      if (!fill(text, words, out, unknown, length)) return false;
    }
    sql = close + 1;
  }
  return fl_bytes_add(out, sql);
}

bool fl_statement_fill(enum fl_statement statement, const struct fl_word *words,
                       struct fl_bytes *out, const char **unknown, int *length) {
  *unknown = NULL;
  *length = 0;
  return fill(statements[statement].sql, words, out, unknown, length) &&
         fl_bytes_append(out, "", 1);
}
