-- The body of a trigger function for whole statements: the one made for a table by watch, and the
-- one for all tables (without @branches@). What stands here costs every session memory for
-- every table that it writes to: 9 kB for each expression that is come by, 2 kB for each variable,
-- and the whole is rounded up to a power of two. So FOUND says whether something was logged, and
-- NEW, which is nothing here, is returned.
<<forge>>
@declare@
BEGIN
  IF coalesce(to_regnamespace('@schema_text@')::oid, 0) <> @schema_oid@ THEN
    IF @in_its_schema@ THEN -- restored from a dump
      @compiled_by_statement@
    ELSE
      @reload@;
    END IF;
  @branches@
  ELSE
    @compiled_by_statement@
  END IF;
  IF FOUND AND @bell_is_due@ THEN
    @ring_bell@;
  END IF;
  RETURN NEW;
END forge
