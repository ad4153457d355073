-- What a function for statements does where it has none for the table: it has that made.
-- Statements of PL/pgSQL.
@pin@
    EXECUTE @schema@.forge_compile(TG_RELID, TG_OP, 'all', TG_ARGV);
    @unpin@
    PERFORM FROM @rows@ LIMIT 1;
