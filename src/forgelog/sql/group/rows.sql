-- The rows of a consumer that have a position: its own, or those of its lanes. Whoever changes how
-- many there are waits for this transaction, and this one for them.
-- Parameters: $1 text (the consumer's name).
-- Columns: name text, position text, lanes int (how many there are; 1: it has none); no row where
-- there is no such consumer.
WITH own AS (
       SELECT b.name, b.lanes FROM @schema@.forge_change_log_consumers b
        WHERE b.name = $1 FOR UPDATE)
SELECT c.name, c.position, coalesce(own.lanes, 1) AS lanes
  FROM own
 CROSS JOIN pg_catalog.generate_series(1, coalesce(own.lanes, 1)) i
  JOIN @schema@.forge_change_log_consumers c
    ON c.name = CASE WHEN own.lanes IS NULL THEN own.name
                     ELSE own.name || '#' || i || '/' || own.lanes END
 ORDER BY i;
