-- The ids of the first change of each key that is parked of the consumer $1, found in one pass.
SELECT min(o.id) AS id FROM @schema@.forge_change_log_parked o WHERE o.consumer = $1 GROUP BY o.key
