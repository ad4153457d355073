-- Has all parked changes of a consumer tried again. Those that wait follow the one before them.
-- Parameters: $1 text (the consumer).
-- Columns: parked bigint (how many there are), known boolean (whether there is such a consumer).
WITH heads AS (
       SELECT p.id FROM @schema@.forge_change_log_parked p
        WHERE p.consumer = $1 AND (NOT p.waits OR p.id IN (@first_of_keys@))
        ORDER BY p.id FOR UPDATE OF p),
     marked AS (
       UPDATE @schema@.forge_change_log_parked n SET retry = true
         FROM heads h WHERE n.id = h.id RETURNING n.id),
     asked AS (
       @tell_consumer@ AND (SELECT count(*) FROM marked) > 0 RETURNING true)
SELECT count(*) AS parked,
       EXISTS (SELECT FROM @schema@.forge_change_log_consumers c WHERE c.name = $1) AS known
  FROM @schema@.forge_change_log_parked p WHERE p.consumer = $1;
