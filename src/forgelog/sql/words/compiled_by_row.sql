-- What a function for rows does where it has no statement for the table: it has that made.
-- Statements of PL/pgSQL.
SELECT a.relid INTO watched FROM pg_partition_ancestors(TG_RELID) a
      JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgname = TG_NAME AND t.tgparentid = 0
     LIMIT 1;
    -- A transaction that does not see the trigger yet still knows which table it is named for.
    watched := coalesce(watched, (SELECT a.relid FROM pg_partition_ancestors(TG_RELID) a
       WHERE TG_NAME = 'forge_capture_row_' || a.relid::oid), TG_RELID);
    @pin@
    IF TG_OP = 'INSERT' THEN
      EXECUTE @schema@.forge_compile(watched, TG_OP, 'params', TG_ARGV) USING NEW;
    ELSIF TG_OP = 'DELETE' THEN
      EXECUTE @schema@.forge_compile(watched, TG_OP, 'params', TG_ARGV) USING OLD;
    ELSE
      EXECUTE @schema@.forge_compile(watched, TG_OP, 'params', TG_ARGV) USING OLD, NEW;
    END IF;
    @unpin@
