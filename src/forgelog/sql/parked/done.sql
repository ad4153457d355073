-- Removes a parked change that was handled. The next one of its key, which waited behind it, is
-- tried then.
-- Parameters: $1 bigint (its id).
-- Columns: blocked boolean (whether changes of its key are left); no row where it was gone.
WITH gone AS (DELETE FROM @schema@.forge_change_log_parked WHERE id = $1::bigint
              RETURNING id, consumer, key),
     next AS (@retry_next@)
SELECT @other_of_key@ IS NOT NULL AS blocked FROM gone p;
