-- Whether this role may make the functions of single tables.
-- Parameters: none.
-- Columns: may_compile boolean.
SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p
                 JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace
                WHERE o.nspname = @schema_name@ AND p.proname = 'forge_capture_insert'
                  AND @may_compile@) AS may_compile;
