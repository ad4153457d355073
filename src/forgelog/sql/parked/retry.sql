-- Has one parked change of a consumer tried again, after those of its key that it waits behind.
-- Parameters: $1 text (the consumer), $2 bigint (the seq; minus its id where it was read by a
-- backfill).
-- Columns: parked bigint (how many these are; 0: there is no such change).
WITH wanted AS (
       SELECT p.id, p.key, p.waits, p.seq FROM @schema@.forge_change_log_parked p
        WHERE p.consumer = $1 AND @is_parked_as@),
     tried AS (
       SELECT p.id FROM wanted w JOIN @schema@.forge_change_log_parked p
           ON p.consumer = $1 AND p.key = w.key
              AND pg_catalog.left(p.key, 200) = pg_catalog.left(w.key, 200)
        WHERE p.id = w.id
           OR w.waits AND (coalesce(p.seq, 0), p.id) < (coalesce(w.seq, 0), w.id)),
     heads AS (
       SELECT p.id FROM @schema@.forge_change_log_parked p JOIN tried t ON t.id = p.id
        WHERE NOT @is_blocked@
        ORDER BY p.id FOR UPDATE OF p),
     marked AS (
       UPDATE @schema@.forge_change_log_parked n SET retry = true
         FROM heads h WHERE n.id = h.id RETURNING n.id),
     asked AS (
       @tell_consumer@ AND (SELECT count(*) FROM marked) > 0 RETURNING true)
SELECT count(*) AS parked FROM tried;
