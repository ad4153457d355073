-- What the log calls a table (table_name), over n = pg_namespace and c = pg_class. A part of a name
-- that has a dot in it stands in quotes, so that no two tables have one name.
CASE n.nspname WHEN @schema_name@ THEN ''
  ELSE CASE WHEN pg_catalog.strpos(n.nspname, '.') = 0 THEN n.nspname::text
            ELSE '"' || pg_catalog.replace(n.nspname, '"', '""') || '"' END || '.' END
  || CASE WHEN pg_catalog.strpos(c.relname, '.') = 0 THEN c.relname::text
          ELSE '"' || pg_catalog.replace(c.relname, '"', '""') || '"' END
