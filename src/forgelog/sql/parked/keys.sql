-- Those of some keys of which a consumer has parked changes.
-- Parameters: $1 text (the consumer), $2 text[] (the keys).
-- Columns: key text.
SELECT p.key
  FROM (SELECT $1::text AS consumer, w.key, 0 AS id FROM pg_catalog.unnest($2::text[]) AS w(key)) p
 WHERE @other_of_key@ IS NOT NULL;
