-- The body of a trigger function for rows: the one made for a table by watch, with one of
-- @branches@, the one for all tables, with none, and the one that is attached by hand, with one for
-- each of some tables. The latter may stand behind a BEFORE trigger (@finish@). A trigger that was
-- copied to a partition speaks for the table that it was put on.
<<forge>>
DECLARE
  watched oid;
BEGIN
  IF to_regnamespace('@schema_text@') IS NULL THEN
    @reload@;
  @branches@
  ELSE
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
  END IF;
  IF @bell_is_due@ THEN
    @ring_bell@;
  END IF;
  @finish@
END forge
