-- Removes a parked change of a consumer, which is never handled then. The next one of its key,
-- which waited behind it, is tried.
-- Parameters: $1 text (the consumer), $2 bigint (the seq; minus its id where it was read by a
-- backfill).
-- Columns: those of words/parked_columns.sql; no row where there is no such change.
WITH gone AS (DELETE FROM @schema@.forge_change_log_parked p
               WHERE p.consumer = $1 AND @is_parked_as@ RETURNING p.*),
     next AS (@retry_next@),
     asked AS (
       @tell_consumer@ AND (SELECT count(*) FROM gone) + (SELECT count(*) FROM next) > 0
       RETURNING true)
SELECT @parked_columns@ FROM gone p;
