-- The body of a trigger function for rows: the one made for a table by watch, with one of
-- @branches@, the one for all tables, with none, and the one that is attached by hand, with one for
-- each of some tables. The latter may stand behind a BEFORE trigger (@finish@). A trigger that was
-- copied to a partition speaks for the table that it was put on.
<<forge>>
DECLARE
  watched oid;
BEGIN
  IF coalesce(to_regnamespace('@schema_text@')::oid, 0) <> @schema_oid@ THEN
    IF @in_its_schema@ THEN -- restored from a dump
      @compiled_by_row@
    ELSE
      @reload@;
    END IF;
  @branches@
  ELSE
    @compiled_by_row@
  END IF;
  IF @bell_is_due@ THEN
    @ring_bell@;
  END IF;
  @finish@
END forge
