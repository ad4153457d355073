-- Pauses a consumer with all its lanes, or has it go on.
-- Parameters: $1 text (the consumer's name), $2 boolean (whether it is to pause).
-- Columns: was boolean (whether it was paused before); no row where there is no such consumer.
WITH own AS (
       SELECT b.name, b.lanes, b.paused_at IS NOT NULL AS was
         FROM @schema@.forge_change_log_consumers b WHERE b.name = $1 FOR NO KEY UPDATE),
     moved AS (
       UPDATE @schema@.forge_change_log_consumers c
          SET asked = c.asked + 1,
              paused_at = CASE WHEN $2 THEN coalesce(c.paused_at, pg_catalog.clock_timestamp()) END
         FROM own CROSS JOIN pg_catalog.generate_series(0, coalesce(own.lanes, 0)) i
        WHERE c.name = CASE WHEN i = 0 THEN own.name
                            ELSE own.name || '#' || i || '/' || own.lanes END
       RETURNING true)
SELECT own.was FROM own WHERE EXISTS (SELECT FROM moved);
