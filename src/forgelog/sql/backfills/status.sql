-- The tables that consumers read from end to end.
-- Parameters: none.
-- Columns: consumer text (the name of its row), "table" text, rows bigint (read so far), estimate
-- bigint (rows that there may be), paused boolean, started_at numeric (Unix seconds; NULL: not
-- yet), whole boolean (it has no primary key, and is read whole).
SELECT b.consumer, b.table_name AS "table", b.rows, @estimated_rows@ AS estimate, b.paused,
       extract(epoch FROM b.started_at) AS started_at,
       EXISTS (SELECT FROM pg_catalog.pg_class t WHERE t.oid = b.relation)
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                          WHERE i.indrelid = b.relation AND i.indisprimary) AS whole
  FROM @schema@.forge_change_log_backfills b
 ORDER BY b.consumer, b.table_name;
