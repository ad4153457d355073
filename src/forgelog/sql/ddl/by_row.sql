-- The body of a trigger function for rows: the one made for a table by watch (@rel@), and the ones
-- for all tables (where that is 0). A trigger that was copied to a partition speaks for the table
-- that it was put on.
<<forge>>
DECLARE
  known boolean := false;
  home text;
  watched oid;
BEGIN
  IF to_regnamespace('@schema_text@') IS NULL THEN
    @reload@;
  ELSE
    IF TG_NAME = 'forge_capture_row_@rel@' THEN
      known := @schema@.forge_shape('@rel@'::regclass) = @shape@;
    END IF;
    IF known THEN
      @compiled@
    ELSE
      SELECT a.relid INTO watched FROM pg_partition_ancestors(TG_RELID) a
        JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgname = TG_NAME AND t.tgparentid = 0
       LIMIT 1;
      -- A trigger that is newer than the snapshot says by its name which table it was put on.
      watched := coalesce(watched, substring(TG_NAME, '^forge_capture_row_([0-9]+)$')::oid,
                          TG_RELID);
      IF TG_OP = 'INSERT' THEN
        EXECUTE @schema@.forge_compile(watched, TG_OP, 'params', TG_ARGV) USING NEW;
      ELSIF TG_OP = 'DELETE' THEN
        EXECUTE @schema@.forge_compile(watched, TG_OP, 'params', TG_ARGV) USING OLD;
      ELSE
        EXECUTE @schema@.forge_compile(watched, TG_OP, 'params', TG_ARGV) USING OLD, NEW;
      END IF;
    END IF;
  END IF;
  IF TG_ARGV[0] IS DISTINCT FROM 'quiet' THEN
    @ring_bell@;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END forge
