-- Where a connection has come to, for who asks what to do there.
-- Parameters: none.
-- Columns: database text, role text, server_version text, may_create boolean (this role may make
-- objects in the schema of the log, or that schema).
SELECT pg_catalog.current_database()::text AS database, current_user::text AS role,
       pg_catalog.current_setting('server_version') AS server_version,
       coalesce((SELECT pg_catalog.has_schema_privilege(o.oid, 'CREATE')
                   FROM pg_catalog.pg_namespace o WHERE o.nspname = @schema_name@),
                pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'))
         AS may_create;
