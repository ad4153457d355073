-- Who else than the owner, and the role whose rights changes are logged with, may write
-- to the log, its state or its sequence; what PUBLIC may read.
-- Parameters: none.
-- Columns: quoted text, sequence boolean (it is one), role name (NULL: PUBLIC), grantee text
-- (quoted), rights text, writes boolean (not just SELECT), harms boolean (more than a writer by
-- hand or a trimmer needs).
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted, c.relkind = 'S' AS sequence,
       r.rolname AS role, coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee,
       pg_catalog.string_agg(DISTINCT x.privilege_type, ', ') AS rights,
       pg_catalog.bool_or(x.privilege_type <> 'SELECT') AS writes,
       pg_catalog.bool_or(x.privilege_type NOT IN ('SELECT', 'INSERT', 'DELETE')
                          OR c.relname = 'forge_change_log_state') AS harms
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
   AND (c.relname IN ('forge_change_log', 'forge_change_log_state')
        OR c.relkind = 'S' AND EXISTS (
             SELECT FROM pg_catalog.pg_depend d
              WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                AND d.refobjid = (
                      SELECT l.oid FROM pg_catalog.pg_class l
                       WHERE l.relnamespace = n.oid AND l.relname = 'forge_change_log')))
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) x
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
 WHERE n.nspname = @schema_name@ AND x.grantee <> c.relowner AND r.rolsuper IS NOT TRUE
   AND x.grantee NOT IN (SELECT p.proowner FROM pg_catalog.pg_proc p
                          WHERE p.pronamespace = n.oid AND p.proname = 'forge_capture_insert')
   AND (CASE WHEN c.relkind = 'S' THEN x.privilege_type = 'UPDATE'
             ELSE x.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') END
        OR x.grantee = 0::oid AND c.relname = 'forge_change_log' AND x.privilege_type = 'SELECT')
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 4;
