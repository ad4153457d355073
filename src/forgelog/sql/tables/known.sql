-- The names under which tables are captured now, for who has misspelt one.
-- Parameters: none.
-- Columns: name text.
SELECT DISTINCT @table_name@ AS name
  FROM (SELECT o.oid FROM pg_catalog.pg_namespace o WHERE o.nspname = @schema_name@) home
 CROSS JOIN LATERAL (SELECT t.tgrelid @captures@) k
  JOIN pg_catalog.pg_class c ON c.oid = k.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 LIMIT 10000;
