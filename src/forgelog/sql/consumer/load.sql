-- The position that a consumer has saved. The index is read from behind, where the newest version
-- of the row is: older ones may have to stay on disk for a snapshot that somebody holds.
-- Parameters: $1 text (the consumer's name).
-- Columns: position text; no row where it has saved none.
SELECT position FROM @schema@.forge_change_log_consumers
 WHERE name >= $1 AND name <= $1 ORDER BY name DESC LIMIT 1;
