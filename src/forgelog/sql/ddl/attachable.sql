-- Lets whoever owns the partitioned table @relation@, or one below it, create and attach
-- partitions, as far as this role may, and ends that for those who owned it before. Such a role
-- could call the function from a trigger on another table of its own, too: all that writes is
-- changes of that table, by its own name or by the name of this one.
DO $forge$
DECLARE
  each record;
BEGIN
  FOR each IN
    SELECT p.oid::pg_catalog.regprocedure AS called,
           pg_catalog.pg_get_userbyid(a.grantee) AS grantee
      FROM pg_catalog.pg_proc p
     CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) a
     WHERE p.pronamespace = '@schema_text@'::regnamespace
       AND p.proname = 'forge_capture_row_@relation@'
       AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
       AND a.grantee NOT IN (0::oid, p.proowner)
       AND a.grantee NOT IN (
             SELECT c.relowner FROM pg_catalog.pg_partition_tree(@relation@) b
               JOIN pg_catalog.pg_class c ON c.oid = b.relid::oid AND c.relkind = 'p')
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM %I CASCADE', each.called,
                              each.grantee);
  END LOOP;
  FOR each IN
    SELECT DISTINCT t.tgfoid::pg_catalog.regprocedure AS called,
           pg_catalog.pg_get_userbyid(o.owner) AS owner
      FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname ~ '^forge_capture_row(_[0-9]+)?$'
       AND p.pronamespace = '@schema_text@'::regnamespace
     CROSS JOIN LATERAL (@may_not_attach@) o
     WHERE t.tgrelid = @relation@::oid AND t.tgparentid = 0::oid
       AND pg_catalog.has_function_privilege(t.tgfoid, 'EXECUTE WITH GRANT OPTION')
  LOOP
    BEGIN
      EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', each.called, each.owner);
    EXCEPTION WHEN internal_error THEN NULL; -- somebody else grants the same at this moment
    END;
  END LOOP;
END $forge$;
