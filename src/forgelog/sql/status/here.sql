-- Where a connection has come to, for who asks what to do there.
-- Parameters: none.
-- Columns: database text, role text, server_version text, may_create boolean (this role may make
-- objects in the schema of the log, or that schema), schema_exists boolean (the schema of the log
-- does), may_trim, may_save boolean (this role may delete changes, and save positions, in this
-- session), standby boolean, logs text (other schemas of this database that have a log and that
-- this role may use, separated by \001; NULL: none).
WITH may AS (
       SELECT c.relname AS name, pg_catalog.current_setting('transaction_read_only') = 'off'
              AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS read,
              pg_catalog.has_table_privilege(c.oid, 'DELETE') AS remove,
              pg_catalog.has_table_privilege(c.oid, 'INSERT')
              AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AS write
         FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = @schema_name@
        WHERE c.relname IN ('forge_change_log', 'forge_change_log_consumers'))
SELECT pg_catalog.current_database()::text AS database, current_user::text AS role,
       pg_catalog.current_setting('server_version') AS server_version,
       coalesce((SELECT pg_catalog.has_schema_privilege(o.oid, 'CREATE')
                   FROM pg_catalog.pg_namespace o WHERE o.nspname = @schema_name@),
                pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'))
         AS may_create,
       EXISTS (SELECT FROM pg_catalog.pg_namespace o WHERE o.nspname = @schema_name@)
         AS schema_exists,
       EXISTS (SELECT FROM may m WHERE m.name = 'forge_change_log' AND m.read AND m.remove)
         AS may_trim,
       EXISTS (SELECT FROM may m
                WHERE m.name = 'forge_change_log_consumers' AND m.read AND m.write) AS may_save,
       pg_catalog.pg_is_in_recovery() AS standby,
       (SELECT pg_catalog.string_agg(n.nspname::text, pg_catalog.chr(1) ORDER BY n.nspname)
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relname = 'forge_change_log' AND c.relkind IN ('r', 'p')
           AND n.nspname <> @schema_name@
           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')) AS logs;
