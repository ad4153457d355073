-- The body of a trigger function for whole statements: the one made for a table by watch (@rel@),
-- and the one for all tables (where that is 0).
<<forge>>
DECLARE
  known boolean := false;
  home text;
  logged bigint := 1;
  moved bigint;
BEGIN
  IF to_regnamespace('@schema_text@') IS NULL THEN
    @reload@;
  ELSE
    IF TG_RELID = @rel@ THEN
      known := @schema@.forge_shape('@rel@'::regclass) = @shape@;
    END IF;
    IF known THEN
      @compiled@
    ELSE
      EXECUTE @schema@.forge_compile(TG_RELID, TG_OP, 'all', TG_ARGV);
      GET DIAGNOSTICS logged = ROW_COUNT;
    END IF;
  END IF;
  IF logged > 0 AND TG_ARGV[0] = 'notify' THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge
