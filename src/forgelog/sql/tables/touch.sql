-- Writes to the log that a table is to be read anew: under the name of the watched table above it,
-- where there is one. See sql/words/announce.sql.
-- Parameters: $1 bigint (the table's oid).
-- Columns: seq bigint.
WITH named AS (
       SELECT @table_name@ AS name
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = (SELECT @speaker@
                         FROM (SELECT $1::bigint::oid AS oid) g,
                              (SELECT o.oid FROM pg_catalog.pg_namespace o
                                WHERE o.nspname = @schema_name@) home)),
     written AS (
       INSERT INTO @schema@.forge_change_log (table_name, op, created_at)
       SELECT name, 'RELOAD', pg_catalog.clock_timestamp() FROM @announce@ CROSS JOIN named
       RETURNING seq)
SELECT w.seq::bigint AS seq,
       CASE WHEN NOT pg_catalog.pg_try_advisory_xact_lock_shared(@bell@)
             AND pg_catalog.pg_notification_queue_usage() < 0.5
            THEN pg_catalog.pg_notify('forge_changes', '') END AS notified
  FROM written w;
