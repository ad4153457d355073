-- Gives the lease on a consumer's name back before its time.
-- Parameters: $1 text (the name), $2 bigint (the epoch).
-- Columns: none.
UPDATE @schema@.forge_change_log_consumers
   SET holder = NULL, lease_until = NULL, pid = NULL, started = NULL
 WHERE name = $1 AND epoch = $2;
