-- The id of the first other change that is parked of the consumer and the key of p; NULL where
-- there is none. The index has the beginnings of the keys, and the bounds have it used even where
-- the planner believes that most rows are of one key.
(SELECT e.id FROM @schema@.forge_change_log_parked e
  WHERE e.consumer = p.consumer AND e.key = p.key AND e.id <> p.id
    AND pg_catalog.left(e.key, 200) >= pg_catalog.left(p.key, 200)
    AND pg_catalog.left(e.key, 200) <= pg_catalog.left(p.key, 200)
  ORDER BY pg_catalog.left(e.key, 200), e.id LIMIT 1)
