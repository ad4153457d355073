-- The tables that a consumer is to read from end to end, in the order in which that was asked.
-- Parameters: $1 text (the name of the consumer's row).
-- Columns: table_name text, relation bigint (NULL: not known yet), reload boolean, after text (the
-- key that it goes on behind, an array; NULL: it begins), key text (what the key is, as
-- forgelog.rows.source says it), rows bigint (read so far), paused boolean, asked_at text (Unix
-- seconds), estimate bigint (rows that there may be).
SELECT b.table_name, b.relation::bigint AS relation, b.reload,
       b.after::text AS after, b.key, b.rows, b.paused,
       extract(epoch FROM b.asked_at)::text AS asked_at,
       @estimated_rows@ AS estimate
  FROM @schema@.forge_change_log_backfills b
 WHERE b.consumer = $1 ORDER BY b.asked_at, b.table_name;
