-- Removes the row of a consumer's lease, where it says nothing else.
-- Parameters: $1 text (the name), $2 bigint (the epoch).
-- Columns: removed boolean; no row where it was not removed.
DELETE FROM @schema@.forge_change_log_consumers c
 WHERE c.name = $1 AND c.epoch = $2 AND c.position IS NULL AND c.lanes IS NULL
   AND c.paused_at IS NULL AND c.asked = 0
RETURNING true AS removed;
