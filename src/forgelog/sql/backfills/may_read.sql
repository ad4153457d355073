-- Whether this role may see which tables consumers read from end to end.
-- Parameters: none.
-- Columns: there boolean (the log has the table for that), may boolean.
SELECT t.oid IS NOT NULL AS there,
       coalesce(pg_catalog.has_table_privilege(t.oid, 'SELECT'), false) AS may
  FROM (SELECT pg_catalog.to_regclass('@schema_text@.forge_change_log_backfills')::oid AS oid) t;
