-- The tables that a consumer has still to read, in each of its lanes; not those that are paused.
-- Parameters: $1 text (the consumer's name).
-- Columns: consumer text (the name of its row), table_name text; those first that were asked for
-- first.
SELECT b.consumer, b.table_name
  FROM @schema@.forge_change_log_backfills b
 WHERE NOT b.paused
   AND (b.consumer = $1::text OR pg_catalog.starts_with(b.consumer, $1::text || '#'))
 ORDER BY b.asked_at, b.table_name;
