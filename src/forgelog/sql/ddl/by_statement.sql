-- The body of a trigger function for whole statements: the one made for a table by watch, and the
-- one for all tables (without @branches@). What stands here costs every session memory for
-- every table that it writes to: 9 kB for each expression that is come by, 2 kB for each variable,
-- and the whole is rounded up to a power of two. So FOUND says whether something was logged, and
-- NEW, which is nothing here, is returned.
<<forge>>
@declare@
BEGIN
  IF to_regnamespace('@schema_text@') IS NULL THEN
    @reload@;
  @branches@
  ELSE
    @pin@
    EXECUTE @schema@.forge_compile(TG_RELID, TG_OP, 'all', TG_ARGV);
    @unpin@
    PERFORM FROM @rows@ LIMIT 1;
  END IF;
  IF FOUND AND @bell_is_due@ THEN
    @ring_bell@;
  END IF;
  RETURN NEW;
END forge
