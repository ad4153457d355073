-- The id of the first other change that is parked of the consumer and the key of p; NULL where
-- there is none. What a backfill has read comes first, since later changes of its row are parked
-- behind it, and then the lowest seq: what comes again may be parked in another order. The index
-- has the beginnings of the keys, and the bounds have it used even where the planner believes that
-- most rows are of one key.
(SELECT e.id FROM @schema@.forge_change_log_parked e
  WHERE e.consumer = p.consumer AND e.key = p.key AND e.id <> p.id
    AND pg_catalog.left(e.key, 200) >= pg_catalog.left(p.key, 200)
    AND pg_catalog.left(e.key, 200) <= pg_catalog.left(p.key, 200)
  ORDER BY pg_catalog.left(e.key, 200), coalesce(e.seq, 0), e.id LIMIT 1)
