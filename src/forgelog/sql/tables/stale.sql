-- Watched tables whose triggers call a function that was not made for the table as it is now.
-- Parameters: $1 bigint (a table's oid; NULL: all tables).
-- Columns: schema, table.
SELECT n.nspname AS schema, c.relname AS "table"
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
 CROSS JOIN LATERAL (SELECT @schema@.forge_shape(t.tgrelid) AS shape) now
 WHERE t.tgparentid = 0 AND p.proname ~ '^forge_capture_(insert|update|delete|row)(_[0-9]+)?$'
   AND ($1::bigint IS NULL OR t.tgrelid = $1::bigint::oid)
 GROUP BY t.tgrelid, n.nspname, c.relname
HAVING NOT pg_catalog.bool_and(p.proname ~ ('_' || t.tgrelid || '$')
         AND pg_catalog.strpos(p.prosrc, pg_catalog.quote_literal(now.shape)) > 0
         AND pg_catalog.strpos(p.prosrc, '@schema_text@.forge_shape(') > 0);
