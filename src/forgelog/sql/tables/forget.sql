-- Forgets watched tables that are gone.
-- Parameters: $1 text (the name in the log).
-- Columns: table_name text; one row a table.
DELETE FROM @schema@.forge_change_log_watches w
 WHERE w.table_name = $1
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = w.relation)
RETURNING w.table_name;
