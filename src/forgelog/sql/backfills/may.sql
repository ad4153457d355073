-- Whether this role may do what a consumer does whose tables are read from end to end.
-- Parameters: none.
-- Columns: there boolean (the log has the table for that), may boolean.
SELECT t.oid IS NOT NULL AS there,
       coalesce(pg_catalog.has_table_privilege(t.oid, 'SELECT')
                AND pg_catalog.has_table_privilege(t.oid, 'INSERT')
                AND pg_catalog.has_table_privilege(t.oid, 'UPDATE')
                AND pg_catalog.has_table_privilege(t.oid, 'DELETE'), false) AS may
  FROM (SELECT pg_catalog.to_regclass('@schema_text@.forge_change_log_backfills')::oid AS oid) t;
