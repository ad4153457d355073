-- Whether this role may remove what else is kept for consumers: changes that are parked, and how
-- far backfills are.
-- Parameters: none.
-- Columns: may boolean.
SELECT coalesce(pg_catalog.bool_and(
                  pg_catalog.has_table_privilege(t.oid, 'SELECT')
                  AND pg_catalog.has_table_privilege(t.oid, 'DELETE')), false) AS may
  FROM (VALUES (pg_catalog.to_regclass('@schema_text@.forge_change_log_parked')::oid),
               (pg_catalog.to_regclass('@schema_text@.forge_change_log_backfills')::oid)) t(oid);
