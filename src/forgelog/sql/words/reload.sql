-- What a trigger function does that no longer finds its schema, since that was renamed: it looks
-- for itself there. A statement of PL/pgSQL.
EXECUTE (SELECT format('SELECT %s.forge_reload(%s, %L)', p.pronamespace::regnamespace, t.oid,
                           p.pronamespace)
               FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
              WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME)
