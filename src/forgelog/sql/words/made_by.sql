-- A comment that stands in the functions that the generator has made which is installed now. An
-- older one may have made others for the same shape of the table.
(SELECT '-- made by ' || pg_catalog.obj_description(g.oid, 'pg_proc')
          FROM pg_catalog.pg_proc g JOIN pg_catalog.pg_namespace h ON h.oid = g.pronamespace
         WHERE g.proname = 'forge_compile' AND h.nspname = @schema_name@)
