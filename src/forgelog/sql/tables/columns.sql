-- The columns that a change of a captured table can name.
-- Parameters: $1 bigint[] (oids of the tables that are meant; NULL: all that are captured).
-- Columns: name text.
SELECT DISTINCT a.attname::text AS name
  FROM (SELECT o.oid FROM pg_catalog.pg_namespace o WHERE o.nspname = @schema_name@) home
 CROSS JOIN LATERAL (SELECT t.tgrelid @captures@) k
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.tgrelid AND a.attnum > 0
   AND NOT a.attisdropped AND a.attgenerated <> 'v'
 WHERE $1::bigint[] IS NULL OR k.tgrelid::bigint = ANY ($1::bigint[])
 LIMIT 100000;
