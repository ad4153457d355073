-- Removes the position that a consumer has saved.
-- Parameters: $1 text (the consumer's name).
-- Columns: position text (the one removed); no row where there was none.
DELETE FROM @schema@.forge_change_log_consumers WHERE name = $1 RETURNING position;
