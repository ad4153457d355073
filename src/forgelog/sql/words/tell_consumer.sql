-- Tells the consumer $1 and its lanes that something was asked of them. The rows of a consumer come
-- last wherever others are changed too, as where it saves its position.
UPDATE @schema@.forge_change_log_consumers c SET asked = c.asked + 1
  FROM @schema@.forge_change_log_consumers own
 CROSS JOIN LATERAL pg_catalog.generate_series(0, coalesce(own.lanes, 0)) i
 WHERE own.name = $1
   AND c.name = CASE WHEN i = 0 THEN own.name ELSE own.name || '#' || i || '/' || own.lanes END
