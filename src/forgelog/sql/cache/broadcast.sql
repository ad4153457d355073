-- Writes a row of a program's own into the log, by which the workers of a cluster talk to each
-- other, and wakes the followers that sleep. See sql/words/announce.sql.
-- Parameters: $1 text (table_name: the channel), $2 text (row_id: the message).
-- Columns: notified void (not where the queue of notifications fills up: those that sleep poll).
WITH written AS (
       INSERT INTO @schema@.forge_change_log (table_name, op, row_id, created_at)
       SELECT $1, 'BROADCAST', $2, pg_catalog.clock_timestamp() FROM @announce@ RETURNING seq)
SELECT CASE WHEN pg_catalog.pg_notification_queue_usage() < 0.5
            THEN pg_catalog.pg_notify('forge_changes', '') END AS notified FROM written;
