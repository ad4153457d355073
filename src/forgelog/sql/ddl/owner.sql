-- The role that the trigger functions in the log's schema belong to, and so the rights with which
-- they write: it can do nothing but that. BYPASSRLS, so that no policy on the log makes a write
-- fail. The functions that anybody calls with rights of their own stay with whoever installs.
DO $forge$
DECLARE
  each regprocedure;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '@owner_text@') THEN
    BEGIN
      CREATE ROLE @owner@ NOLOGIN NOINHERIT BYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- by an install next door
    END;
  END IF;
  GRANT USAGE ON SCHEMA @schema@ TO @owner@;
  GRANT EXECUTE ON FUNCTION @schema@.forge_describe, @schema@.forge_shape, @schema@.forge_compile,
    @schema@.forge_reload, @schema@.forge_pin, @schema@.forge_unpin, @schema@.forge_log_sequence,
    @schema@.forge_log_timelines TO @owner@;
  GRANT SELECT, INSERT ON @schema@.forge_change_log TO @owner@;
  GRANT SELECT, UPDATE ON @schema@.forge_change_log_state TO @owner@;
  EXECUTE format('GRANT USAGE, SELECT, UPDATE ON SEQUENCE %s TO @owner@',
                 @schema@.forge_log_sequence()::regclass);
  FOR each IN
    SELECT p.oid FROM pg_proc p
     WHERE p.pronamespace = '@schema_text@'::regnamespace
       AND (obj_description(p.oid, 'pg_proc') ~ '^forgelog [0-9]'
            OR p.proname ~ '^forge_capture_(insert|update|delete|row)_[0-9]+$')
       AND p.prosecdef
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO @owner@', each);
  END LOOP;
END $forge$;
