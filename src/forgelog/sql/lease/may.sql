-- Whether leases can be had: the table of consumers has room for them, and this role may write it,
-- by this session, and sees all its rows.
-- Parameters: none.
-- Columns: may boolean, may_remove boolean (rows, too), may_see boolean (the leases of others).
SELECT @consumers_have_leases@
       AND pg_catalog.has_table_privilege(t.oid, 'SELECT')
       AND pg_catalog.has_table_privilege(t.oid, 'INSERT')
       AND pg_catalog.has_table_privilege(t.oid, 'UPDATE')
       AND pg_catalog.current_setting('transaction_read_only') = 'off'
       AND NOT (pg_catalog.row_security_active(t.oid)
                AND EXISTS (SELECT FROM (VALUES ('r'), ('w')) AS done(command)
                             WHERE @policies_hide@)) AS may,
       coalesce(pg_catalog.has_table_privilege(t.oid, 'DELETE'), false) AS may_remove,
       @consumers_have_leases@
         AND coalesce(pg_catalog.has_table_privilege(t.oid, 'SELECT'), false) AS may_see
  FROM (SELECT pg_catalog.to_regclass('@schema_text@.forge_change_log_consumers')::oid AS oid) t;
