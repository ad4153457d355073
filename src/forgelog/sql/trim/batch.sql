-- Deletes one batch of old changes, in the order of their seqs, unless another session trims.
-- Parameters: $1 bigint (above which seq: where the last batch ended), $2 bigint (highest seq to
-- delete), $3 bigint (most rows), $4 boolean (true: this is a transaction of its own, whose commit
-- need not wait for the disk, since what a crash brings back is trimmed again).
-- Columns: got boolean (false: another session trims), deleted bigint, first bigint and last bigint
-- (smallest and largest seq deleted), others boolean (whether other transactions are writing to the
-- log).
WITH lock AS MATERIALIZED (
       SELECT pg_catalog.pg_try_advisory_xact_lock(@trimmer@) AS got,
              pg_catalog.set_config('synchronous_commit', CASE WHEN $4::bool THEN 'off'
                ELSE pg_catalog.current_setting('synchronous_commit') END, true)),
     gone AS (
       DELETE FROM @schema@.forge_change_log
        WHERE (SELECT got FROM lock) AND seq = ANY (ARRAY(
                SELECT seq FROM @schema@.forge_change_log
                 WHERE (SELECT got FROM lock) AND seq > $1::bigint AND seq <= $2::bigint
                 ORDER BY seq LIMIT $3::bigint))
       RETURNING seq)
SELECT (SELECT got FROM lock) AS got, count(*) AS deleted, min(seq)::bigint AS first,
       max(seq)::bigint AS last,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE @is_writer@ AND l.pid <> pg_catalog.pg_backend_pid()) AS others
  FROM gone;
