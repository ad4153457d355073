-- Removes a consumer with all its lanes.
-- Parameters: $1 text (the consumer's name), $2 int (how many lanes it has; 1: none).
-- Columns: none.
DELETE FROM @schema@.forge_change_log_consumers c
 WHERE c.name = $1
    OR c.name IN (SELECT $1 || '#' || i || '/' || $2 FROM pg_catalog.generate_series(1, $2) i);
