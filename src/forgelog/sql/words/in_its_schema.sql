-- Whether the function that a trigger calls is in the schema where it looks for the log: an
-- expression of PL/pgSQL.
EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME
               AND p.pronamespace = to_regnamespace('@schema_text@')::oid)
