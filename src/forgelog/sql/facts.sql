-- What stands of the log in schema $1, for forgelog's version $2 of it.
SELECT pg_catalog.quote_ident(w.name) AS quoted,
       pg_catalog.quote_literal(w.name) AS literal,
       n.oid IS NOT NULL AS there,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may_create,
       current_user AS role,
       c.oid IS NOT NULL AS log,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owns,
       pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner)) AS owner,
       c.relkind IS DISTINCT FROM 'r' AS no_table,
       (SELECT pg_catalog.string_agg(want.name, ', ') FROM (VALUES ('seq'), ('table_name'), ('op')) AS want(name)
         WHERE c.oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = want.name
                  AND NOT a.attisdropped)) AS lacks,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
           AND a.attname IN ('row_id', 'changed_cols', 'created_at')) = 3 AS columns,
       (SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attname = 'created_at' AND NOT a.attisdropped) AS created_at,
       q.seqincrement AS step, q.seqcache AS cache, q.seqrelid::pg_catalog.regclass::text AS sequence,
       EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a
                   ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = c.oid AND a.attname = 'created_at' AND i.indpred IS NULL) AS indexed,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class t WHERE t.relnamespace = n.oid
           AND t.relname IN ('forge_change_log_state', 'forge_change_log_consumers')) = 2 AS tables,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A')
           AND t.tgname IN ('forge_log_deleted', 'forge_log_truncating', 'forge_log_truncated')) = 3 AS guarded,
       f.versions, f.newest, f.capture, f.foreign_notify, f.foreign_trim,
       h.schema AS hstore, coalesce(h.akeys, 0) AS hstore_oid
  FROM (SELECT $1::text AS name) w
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'forge_change_log'
  LEFT JOIN pg_catalog.pg_attribute s ON s.attrelid = c.oid AND s.attname = 'seq'
  LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid IN (
         SELECT d.refobjid FROM pg_catalog.pg_attrdef v JOIN pg_catalog.pg_depend d
             ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = v.oid
          WHERE v.adrelid = c.oid AND v.adnum = s.attnum
         UNION
         SELECT d.objid FROM pg_catalog.pg_depend d
          WHERE d.refobjid = c.oid AND d.refobjsubid = s.attnum AND d.deptype = 'i')
 CROSS JOIN LATERAL (
         SELECT pg_catalog.count(*) FILTER (WHERE m.version = $2::int) AS versions,
                pg_catalog.max(m.version) AS newest,
                pg_catalog.max(m.mark) FILTER (WHERE m.proname = 'forge_capture_update') AS capture,
                coalesce(pg_catalog.bool_or(m.version IS NULL AND m.proname = 'forge_notify_change'), false) AS foreign_notify,
                coalesce(pg_catalog.bool_or(m.version IS NULL AND m.proname = 'forge_trim_change_log'), false) AS foreign_trim
           FROM (SELECT p.proname, d.mark,
                        CASE WHEN p.proname NOT IN ('forge_notify_change', 'forge_trim_change_log')
                               OR pg_catalog.strpos(p.prosrc, '-- forgelog') > 0 -- the comment outlives CREATE OR REPLACE
                             THEN substring(d.mark FROM '^forgelog (\d+)')::int END AS version
                   FROM pg_catalog.pg_proc p, pg_catalog.obj_description(p.oid, 'pg_proc') AS d(mark)
                  WHERE p.pronamespace = n.oid AND p.proname ~ '^forge_') m) f
  LEFT JOIN LATERAL (
         SELECT pg_catalog.quote_ident(x.nspname) AS schema, p.oid::bigint AS akeys
           FROM pg_catalog.pg_extension e
           JOIN pg_catalog.pg_namespace x ON x.oid = e.extnamespace
           JOIN pg_catalog.pg_proc p ON p.pronamespace = x.oid AND p.proname = 'akeys'
           JOIN pg_catalog.pg_depend d ON d.objid = p.oid AND d.refobjid = e.oid AND d.deptype = 'e'
          WHERE e.extname = 'hstore') h ON true
