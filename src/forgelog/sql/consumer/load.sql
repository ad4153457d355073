-- The position that a consumer has saved.
-- Parameters: $1 text (the consumer's name).
-- Columns: position text; no row where it has saved none.
SELECT position FROM @schema@.forge_change_log_consumers WHERE name = $1;
