-- What a trigger function does that no longer finds its schema, since that was renamed: the write
-- goes on, and whoever reads the log reads the table again. Statements of PL/pgSQL.
SELECT p.pronamespace::regnamespace INTO home FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME;
    EXECUTE format('INSERT INTO %s.forge_change_log (table_name, op, created_at) '
                   'VALUES ($1, ''RELOAD'', clock_timestamp())', home)
      USING CASE quote_ident(TG_TABLE_SCHEMA) WHEN home THEN '' ELSE TG_TABLE_SCHEMA || '.' END
            || TG_TABLE_NAME
