-- The owners with whose rights the functions of the log run, and which rights they lack for that.
-- Parameters: none.
-- Columns: owner text (quoted), super boolean, guards boolean (functions that keep count of what is
-- trimmed, not those that capture), helper boolean (functions that run with the rights of whoever
-- calls them), functions text, lacks text (as in GRANT, separated by "; ", or
-- empty); one row for each owner and what the functions are for.
SELECT pg_catalog.quote_ident(o.rolname) AS owner, o.rolsuper AS super, f.kind = 'guard' AS guards,
       f.kind = 'helper' AS helper,
       pg_catalog.string_agg(f.proname, ', ' ORDER BY f.proname) AS functions,
       pg_catalog.array_to_string(ARRAY[
         CASE WHEN NOT pg_catalog.has_schema_privilege(o.oid, n.oid, 'USAGE')
              THEN pg_catalog.format('USAGE ON SCHEMA %I', n.nspname) END,
         CASE WHEN f.kind = 'capture' AND NOT pg_catalog.has_table_privilege(o.oid, c.oid, 'INSERT')
              THEN pg_catalog.format('INSERT ON %I.%I', n.nspname, c.relname) END,
         CASE WHEN f.kind = 'guard' AND NOT pg_catalog.has_table_privilege(o.oid, c.oid, 'SELECT')
              THEN pg_catalog.format('SELECT ON %I.%I', n.nspname, c.relname) END,
         -- The sequence of an identity column asks for no right.
         CASE WHEN f.kind <> 'helper' AND a.attidentity = ''
                   AND NOT pg_catalog.has_sequence_privilege(o.oid, q.seqrelid, 'USAGE, UPDATE')
              THEN pg_catalog.format('USAGE ON SEQUENCE %I.%I', qn.nspname, qc.relname) END,
         CASE WHEN f.kind = 'guard' AND NOT (pg_catalog.has_table_privilege(o.oid, s.oid, 'SELECT')
                                     AND pg_catalog.has_table_privilege(o.oid, s.oid, 'UPDATE'))
              THEN pg_catalog.format('SELECT, UPDATE ON %I.%I', n.nspname, s.relname) END
       ], '; ') AS lacks
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'forge_change_log'
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'
  LEFT JOIN pg_catalog.pg_class s
         ON s.relnamespace = n.oid AND s.relname = 'forge_change_log_state'
  LEFT JOIN LATERAL (SELECT x.* FROM (@log_sequence@) b(oid)
                       JOIN pg_catalog.pg_sequence x ON x.seqrelid = b.oid) q ON true
  LEFT JOIN pg_catalog.pg_class qc ON qc.oid = q.seqrelid
  LEFT JOIN pg_catalog.pg_namespace qn ON qn.oid = qc.relnamespace
  JOIN (SELECT p.proname, p.pronamespace, p.proowner,
               CASE WHEN p.proname IN ('forge_log_deleted', 'forge_log_truncated') THEN 'guard'
                    WHEN p.prosecdef THEN 'capture' ELSE 'helper' END AS kind
          FROM pg_catalog.pg_proc p
         WHERE p.proname IN (SELECT want.name FROM (VALUES @functions@) want(name))
            OR p.proname ~ '^forge_capture_'
            OR p.proname = 'forge_notify_change' AND p.prosecdef) f ON f.pronamespace = n.oid
  JOIN pg_catalog.pg_roles o ON o.oid = f.proowner
 WHERE n.nspname = @schema_name@
 GROUP BY o.oid, o.rolname, o.rolsuper, f.kind, n.oid, n.nspname, c.oid, c.relname,
          a.attidentity, s.oid,
          s.relname, q.seqrelid, qc.relname, qn.nspname
 ORDER BY 1, 3;
