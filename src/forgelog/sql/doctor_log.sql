-- The log in schema $1, by the catalog alone: what it is, what belongs to it, and what this role may do with it.
SELECT n.oid IS NOT NULL AS there, n.nspname AS name, pg_catalog.quote_ident(w.name) AS schema, c.oid IS NOT NULL AS log,
       c.relpersistence = 'u' AS unlogged, pg_catalog.row_security_active(c.oid) AS hides_rows,
       state.oid IS NOT NULL AS state, consumers.oid IS NOT NULL AS consumers,
       (SELECT pg_catalog.string_agg(want.name, ', ')
          FROM (VALUES ('row_id'), ('changed_cols'), ('created_at')) AS want(name)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = want.name
                              AND NOT a.attisdropped)) AS lacks,
       (SELECT pg_catalog.string_agg(want.name, ', ')
          FROM (VALUES ('forge_key'), ('forge_row_id'), ('forge_log_sequence'), ('forge_log_deleted'), ('forge_log_truncated'),
                       ('forge_capture_insert'), ('forge_capture_update'), ('forge_capture_delete'), ('forge_capture_truncate'),
                       ('forge_capture_row')) AS want(name)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid
                              AND p.proname = want.name)) AS functions_lacking,
       (SELECT pg_catalog.string_agg(want.name, ', ')
          FROM (VALUES ('forge_log_deleted', 'forge_log_deleted'), ('forge_log_truncating', 'forge_log_truncated'),
                       ('forge_log_truncated', 'forge_log_truncated')) AS want(name, calls)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                            WHERE t.tgrelid = c.oid AND t.tgname = want.name AND t.tgenabled IN ('O', 'A')
                              AND p.pronamespace = n.oid AND p.proname = want.calls)) AS unguarded,
       (SELECT m.mark ~ 'akeys=' AND NOT EXISTS ( -- made for another hstore than there is, if any
                 SELECT FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace x ON x.oid = e.extnamespace
                   JOIN pg_catalog.pg_depend d ON d.refobjid = e.oid AND d.deptype = 'e'
                   JOIN pg_catalog.pg_proc f ON f.oid = d.objid AND f.proname = 'akeys'
                  WHERE e.extname = 'hstore'
                    AND m.mark = pg_catalog.format('forgelog %s %I.akeys=%s', pg_catalog.split_part(m.mark, ' ', 2), x.nspname, f.oid))
          FROM pg_catalog.pg_proc p, pg_catalog.obj_description(p.oid, 'pg_proc') AS m(mark)
         WHERE p.pronamespace = n.oid AND p.proname = 'forge_capture_update') AS other_hstore,
       (SELECT pg_catalog.string_agg(m.name, ', ') -- what may keep a row out of the log
          FROM (SELECT 'trigger ' || t.tgname AS name FROM pg_catalog.pg_trigger t
                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 7 = 7 -- row, before, insert
                UNION ALL
                SELECT 'rule ' || r.rulename FROM pg_catalog.pg_rewrite r
                 WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.ev_enabled <> 'D') m) AS meddling,
       pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(sc.relname) AS sequence, q.seqincrement AS step, q.seqcache AS cache,
       q.seqcycle AS cycles, last.value / q.seqmax::float8 AS used,
       pg_catalog.pg_get_userbyid(c.relowner) AS owner,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS uses,
       (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
           AND a.attname IN ('seq', 'table_name', 'op', 'row_id', 'changed_cols', 'created_at')) AS reads,
       pg_catalog.has_column_privilege(state.oid, 'trimmed_to', 'SELECT') AS reads_state,
       pg_catalog.has_table_privilege(c.oid, 'DELETE') AS trims,
       pg_catalog.has_table_privilege(consumers.oid, 'SELECT') AS reads_consumers,
       pg_catalog.has_table_privilege(consumers.oid, 'INSERT') AND pg_catalog.has_table_privilege(consumers.oid, 'UPDATE') AS keeps,
       (SELECT l.pid FROM pg_catalog.pg_locks l
         WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IN (c.oid, state.oid, consumers.oid)
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
           AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() ORDER BY l.granted DESC LIMIT 1) AS locked_by,
       (SELECT l.pid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
           AND l.classid::bigint << 32 | l.objid::bigint = 77306496745475 -- the one trimmer's: held a while, but not idly
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
           AND a.state = 'idle' AND a.state_change < pg_catalog.clock_timestamp() - interval '5 seconds') AS idle_trimmer,
       s.n_live_tup AS live, s.n_dead_tup AS dead, 'autovacuum_enabled=false' = ANY (c.reloptions) AS unvacuumed
  FROM (SELECT $1::text AS name) w
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'forge_change_log'
  LEFT JOIN pg_catalog.pg_class state ON state.relnamespace = n.oid AND state.relname = 'forge_change_log_state'
  LEFT JOIN pg_catalog.pg_class consumers ON consumers.relnamespace = n.oid AND consumers.relname = 'forge_change_log_consumers'
  LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
  LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = c.oid AND b.attname = 'seq'
  LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid IN (
         SELECT d.refobjid FROM pg_catalog.pg_attrdef v JOIN pg_catalog.pg_depend d
             ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = v.oid
          WHERE v.adrelid = c.oid AND v.adnum = b.attnum
         UNION
         SELECT d.objid FROM pg_catalog.pg_depend d
          WHERE d.refobjid = c.oid AND d.refobjsubid = b.attnum AND d.deptype = 'i')
  LEFT JOIN pg_catalog.pg_class sc ON sc.oid = q.seqrelid
  LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
 CROSS JOIN LATERAL (
         SELECT CASE WHEN pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, SELECT')
                     THEN coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), 0) END AS value) last
