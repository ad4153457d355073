-- Removes what else is kept for a consumer: changes that are parked, and how far backfills are.
-- Parameters: $1 text (the consumer's name), $2 int (how many lanes it has; 1: none).
-- Columns: none.
WITH parked AS (DELETE FROM @schema@.forge_change_log_parked p WHERE p.consumer = $1)
DELETE FROM @schema@.forge_change_log_backfills b
 WHERE b.consumer = $1
    OR b.consumer IN (SELECT $1 || '#' || i || '/' || $2 FROM pg_catalog.generate_series(1, $2) i);
