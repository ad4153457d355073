-- Notes that a parked change was tried again and has failed again.
-- Parameters: $1 bigint (its id), $2 text (the error).
-- Columns: none.
UPDATE @schema@.forge_change_log_parked
   SET attempts = attempts + 1, error = $2, retry = false, waits = false
 WHERE id = $1::bigint;
