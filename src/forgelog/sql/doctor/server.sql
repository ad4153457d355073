-- What holds of the server and of this session, whether there is a log or not.
-- Parameters: none.
-- Columns: now numeric (Unix seconds), version_number int, version text, standby boolean, pid int,
-- role text (quoted), reads_stats boolean, locks_per_transaction int, lock_slots bigint (how many
-- locks the shared lock table has room for at least), locks bigint (how many are in it), prepared
-- int (max_prepared_transactions),
-- feedback boolean (a standby tells its primary what it still needs), idles_forever, fsync,
-- autovacuum and track_counts boolean, encoding text (of the database), client_encoding text, logs
-- text (the schemas that have a table of the log's name; NULL: none).
SELECT extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       pg_catalog.current_setting('server_version_num')::int AS version_number,
       pg_catalog.current_setting('server_version') AS version,
       pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.quote_ident(current_user) AS role,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS reads_stats,
       pg_catalog.current_setting('max_locks_per_transaction')::int AS locks_per_transaction,
       pg_catalog.current_setting('max_locks_per_transaction')::bigint
         * (pg_catalog.current_setting('max_connections')::int
            + pg_catalog.current_setting('max_prepared_transactions')::int) AS lock_slots,
       (SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT fastpath) AS locks,
       pg_catalog.current_setting('max_prepared_transactions')::int AS prepared,
       pg_catalog.current_setting('hot_standby_feedback')::bool AS feedback,
       pg_catalog.current_setting('idle_in_transaction_session_timeout') = '0' AS idles_forever,
       pg_catalog.current_setting('fsync')::bool AS fsync,
       pg_catalog.current_setting('autovacuum')::bool AS autovacuum,
       pg_catalog.current_setting('track_counts')::bool AS track_counts,
       pg_catalog.getdatabaseencoding()::text AS encoding,
       pg_catalog.pg_client_encoding()::text AS client_encoding,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' ORDER BY n.nspname)
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relname = 'forge_change_log' AND c.relkind = 'r') AS logs;
