-- What a trigger function does that no longer finds its schema, since that was renamed: the write
-- goes on, and whoever reads the log reads the table again, or the watched one above it. Statements
-- of PL/pgSQL.
SELECT p.pronamespace::regnamespace INTO home FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME;
    EXECUTE format('INSERT INTO %s.forge_change_log (table_name, op, created_at) '
                   'VALUES ($1, ''RELOAD'', clock_timestamp())', home)
      USING (SELECT @table_name@
               FROM pg_identify_object_as_address(1259, coalesce(
                      (SELECT a.relid::oid FROM pg_partition_ancestors(TG_RELID)
                                WITH ORDINALITY AS a(relid, place)
                         JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgparentid = 0
                         JOIN pg_proc p ON p.oid = t.tgfoid
                          AND p.pronamespace = home::regnamespace
                          AND p.proname ~ '^forge_(capture_(row|truncate)|notify_change)'
                        ORDER BY a.place DESC LIMIT 1), TG_RELID), 0) AS i(kind, names, args),
                    LATERAL (SELECT CASE quote_ident(i.names[1]) WHEN home THEN @schema_name@
                                    ELSE i.names[1] END AS nspname) n,
                    LATERAL (SELECT i.names[2] AS relname) c)
