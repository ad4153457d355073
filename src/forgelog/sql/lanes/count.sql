-- How many lanes a consumer has.
-- Parameters: $1 text (the consumer's name).
-- Columns: lanes int (1: it has none); no row where it has never run.
SELECT coalesce(lanes, 1) AS lanes FROM @schema@.forge_change_log_consumers WHERE name = $1;
