-- Moves a consumer to another position, and all its lanes.
-- Parameters: $1 text (the consumer's name), $2 text (the position), $3 int (how many lanes it has;
-- 1: none).
-- Columns: none.
UPDATE @schema@.forge_change_log_consumers c
   SET position = $2, updated_at = pg_catalog.clock_timestamp(),
       holder = NULL, lease_until = NULL, pid = NULL, started = NULL
  FROM pg_catalog.generate_series(1, $3) i
 WHERE c.name = CASE WHEN $3 = 1 THEN $1 ELSE $1 || '#' || i || '/' || $3 END;
