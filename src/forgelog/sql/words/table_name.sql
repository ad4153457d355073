-- What the log calls a table (table_name), over n = pg_namespace and c = pg_class.
CASE n.nspname WHEN @schema_name@ THEN '' ELSE n.nspname || '.' END || c.relname
