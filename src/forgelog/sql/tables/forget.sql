-- Forgets watched tables that are gone.
-- Parameters: $1 text (the name as SQL has it, or NULL), $2 text (the exact name).
-- Columns: table_name text; one row a table.
DELETE FROM @schema@.forge_change_log_watches w
 USING (SELECT $2::text AS exact, pg_catalog.parse_ident($1::text) AS parts) g
 WHERE w.table_name IN (g.exact, @spelled_name@)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = w.relation)
RETURNING w.table_name;
