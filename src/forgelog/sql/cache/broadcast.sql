-- Writes a row of a program's own into the log, by which the workers of a cluster talk to each
-- other, and wakes the followers that sleep. See sql/words/announce.sql.
-- Parameters: $1 text (table_name: the channel), $2 text (row_id: the message).
-- Columns: pg_notify void.
WITH written AS (
       INSERT INTO @schema@.forge_change_log (table_name, op, row_id, created_at)
       SELECT $1, 'BROADCAST', $2, pg_catalog.clock_timestamp() FROM @announce@ RETURNING seq)
SELECT pg_catalog.pg_notify('forge_changes', '') FROM written;
