-- Whether leases can be had: the table of consumers has room for them, and this role may write it,
-- by this session, and sees all its rows.
-- Parameters: none.
-- Columns: may boolean, may_remove boolean (rows, too), may_see boolean (the leases of others),
-- room boolean, read_only boolean (the session), lacks text (the rights that the role lacks; NULL:
-- none), "grant" text (the statement that gives it these).
SELECT l.room AND l.lacks IS NULL AND NOT l.read_only
       AND NOT (pg_catalog.row_security_active(t.oid)
                AND EXISTS (SELECT FROM (VALUES ('r'), ('w')) AS done(command)
                             WHERE @policies_hide@)) AS may,
       coalesce(pg_catalog.has_table_privilege(t.oid, 'DELETE'), false) AS may_remove,
       l.room AND coalesce(pg_catalog.has_table_privilege(t.oid, 'SELECT'), false) AS may_see,
       l.room, l.read_only, l.lacks,
       pg_catalog.format('GRANT %s ON %s TO %I', l.lacks,
         '@schema_text@.forge_change_log_consumers', current_user) AS "grant"
  FROM (SELECT pg_catalog.to_regclass('@schema_text@.forge_change_log_consumers')::oid AS oid) t
 CROSS JOIN LATERAL (
         SELECT @consumers_have_leases@ AS room,
                pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
                (SELECT pg_catalog.string_agg(r.name, ', ')
                   FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS r(name)
                  WHERE NOT pg_catalog.has_table_privilege(t.oid, r.name)) AS lacks) l;
