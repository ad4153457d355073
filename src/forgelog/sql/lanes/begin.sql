-- Has all lanes of a consumer begin from one position that have none yet.
-- Parameters: $1 text (the consumer's name), $2 int (how many lanes), $3 text (the position).
-- Columns: name text, of each lane.
UPDATE @schema@.forge_change_log_consumers c
   SET position = $3, updated_at = pg_catalog.clock_timestamp()
  FROM pg_catalog.generate_series(1, $2) i
 WHERE c.name = $1 || '#' || i || '/' || $2 AND c.position IS NULL
RETURNING c.name;
