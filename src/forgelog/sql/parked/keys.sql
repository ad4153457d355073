-- Those of some keys of which a consumer has parked changes.
-- Parameters: $1 text (the consumer), $2 text[] (the keys).
-- Columns: key text, low bigint (the lowest seq of these changes; 0: a backfill has read them all).
SELECT p.key, coalesce((SELECT e.seq FROM @schema@.forge_change_log_parked e
                         WHERE e.consumer = p.consumer AND e.key = p.key AND e.seq IS NOT NULL
                           AND pg_catalog.left(e.key, 200) >= pg_catalog.left(p.key, 200)
                           AND pg_catalog.left(e.key, 200) <= pg_catalog.left(p.key, 200)
                         ORDER BY pg_catalog.left(e.key, 200), coalesce(e.seq, 0), e.id LIMIT 1),
                       0) AS low
  FROM (SELECT $1::text AS consumer, w.key, 0 AS id FROM pg_catalog.unnest($2::text[]) AS w(key)) p
 WHERE @other_of_key@ IS NOT NULL;
