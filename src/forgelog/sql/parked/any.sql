-- Whether a consumer has parked changes, and whether this role may park some.
-- Parameters: $1 text (the consumer).
-- Columns: any boolean, may boolean.
SELECT EXISTS (SELECT FROM @schema@.forge_change_log_parked WHERE consumer = $1) AS any,
       pg_catalog.has_table_privilege(t.oid, 'INSERT')
         AND pg_catalog.has_table_privilege(t.oid, 'UPDATE')
         AND pg_catalog.has_table_privilege(t.oid, 'DELETE') AS may
  FROM (SELECT pg_catalog.to_regclass('@schema_text@.forge_change_log_parked')::oid AS oid) t;
