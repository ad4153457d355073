-- The schema of the log that the search path finds, or else the schema where one would be created.
-- Parameters: none.
-- Columns: name text (NULL where no schema of the search path exists).
SELECT coalesce((SELECT n.nspname FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.oid = pg_catalog.to_regclass('forge_change_log')),
                pg_catalog.current_schema()) AS name;
