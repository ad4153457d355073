-- The schema of the log that the search path finds, else the one where it would be created.
SELECT coalesce((SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.oid = pg_catalog.to_regclass('forge_change_log')), pg_catalog.current_schema()) AS name
