-- Has a consumer, with all its lanes, not read a table for now, or go on with it.
-- Parameters: $1 to $3 as in sql/words/backfilled_table.sql, $4 boolean (whether it is to pause).
-- Columns: known boolean (whether there is such a consumer), count bigint (of its rows that read
-- the table).
WITH moved AS (
       UPDATE @schema@.forge_change_log_backfills b SET paused = $4::boolean
        WHERE @backfilled_table@ RETURNING true),
     asked AS (@tell_consumer@ AND (SELECT count(*) FROM moved) > 0 RETURNING true)
SELECT EXISTS (SELECT FROM @schema@.forge_change_log_consumers c WHERE c.name = $1) AS known,
       (SELECT count(*) FROM moved) AS count;
