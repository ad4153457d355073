-- The ids of the first change of each key that is parked of the consumer $1, in the order of
-- other_of_key.sql, found in one pass. What a backfill has read is not among them where a change of
-- its key has failed: it was parked behind that one.
SELECT (min(ARRAY[coalesce(o.seq, 0), o.id]))[2] AS id
  FROM @schema@.forge_change_log_parked o WHERE o.consumer = $1
 GROUP BY o.key
HAVING bool_and(o.waits) OR (min(ARRAY[coalesce(o.seq, 0), o.id]))[1] > 0
