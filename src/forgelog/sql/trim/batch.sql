-- Deletes one batch of old changes, oldest first, unless another session trims.
-- Parameters: $1 float8 (Unix seconds: older changes are deleted), $2 timestamptz (where the last
-- batch ended, '-infinity' at first), $3 bigint (highest seq to delete), $4 bigint (most rows),
-- $5 boolean (true: this is a transaction of its own, whose commit need not wait for the disk,
-- since what a crash brings back is trimmed again).
-- Columns: got boolean (false: another session trims), deleted bigint, first bigint and last bigint
-- (smallest and largest seq deleted), newest text (the latest created_at deleted), others boolean
-- (whether other transactions are writing to the log).
WITH lock AS MATERIALIZED (
       SELECT pg_catalog.pg_try_advisory_xact_lock(@trimmer@) AS got,
              pg_catalog.set_config('synchronous_commit', CASE WHEN $5::bool THEN 'off'
                ELSE pg_catalog.current_setting('synchronous_commit') END, true)),
     gone AS (
       DELETE FROM @schema@.forge_change_log
        WHERE (SELECT got FROM lock) AND seq = ANY (ARRAY(
                SELECT seq FROM @schema@.forge_change_log
                 WHERE (SELECT got FROM lock) AND created_at < pg_catalog.to_timestamp($1::float8)
                   AND created_at >= $2::timestamptz AND seq <= $3::bigint
                 ORDER BY created_at LIMIT $4::bigint))
       RETURNING seq, created_at)
SELECT (SELECT got FROM lock) AS got, count(*) AS deleted, min(seq) AS first, max(seq) AS last,
       max(created_at)::text AS newest,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE @is_writer@ AND l.pid <> pg_catalog.pg_backend_pid()) AS others
  FROM gone;
