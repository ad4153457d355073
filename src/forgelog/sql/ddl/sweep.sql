-- Drops the functions of single tables that no trigger calls any more, as far as this role may.
DO $forge$
DECLARE
  each regprocedure;
BEGIN
  FOR each IN
    SELECT p.oid FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = '@schema_text@'::regnamespace
       AND p.proname ~ '^forge_capture_(insert|update|delete|row)_[0-9]+$'
       AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgfoid = p.oid)
  LOOP
    EXECUTE pg_catalog.format('DROP FUNCTION %s', each);
  END LOOP;
END $forge$;
