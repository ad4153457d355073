-- Drops the functions of a table (@relation@) that no trigger calls any more, and those of tables
-- that are gone, as far as this role may. Somebody else may be doing the same.
DO $forge$
DECLARE
  each regprocedure;
BEGIN
  FOR each IN
    SELECT p.oid FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = '@schema_text@'::regnamespace
       AND p.proname ~ '^forge_capture_(insert|update|delete|row)_[0-9]+$'
       AND (p.proname ~ '_@relation@$'
            OR NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                            WHERE c.oid::text = pg_catalog.substring(p.proname, '[0-9]+$')))
       AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgfoid = p.oid)
  LOOP
    BEGIN
      EXECUTE pg_catalog.format('DROP FUNCTION %s', each);
    EXCEPTION WHEN undefined_function OR internal_error THEN NULL;
    END;
  END LOOP;
END $forge$;
