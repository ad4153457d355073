-- What the log calls a table (table_name), over n = pg_namespace and c = pg_class. A part of a name
-- that has a dot or a quote in it stands in quotes, so that no two tables have one name.
CASE n.nspname WHEN @schema_name@ THEN ''
  ELSE CASE WHEN n.nspname ~ '[."]' THEN '"' || pg_catalog.replace(n.nspname, '"', '""') || '"'
            ELSE n.nspname END || '.' END
  || CASE WHEN c.relname ~ '[."]' THEN '"' || pg_catalog.replace(c.relname, '"', '""') || '"'
          ELSE c.relname END
