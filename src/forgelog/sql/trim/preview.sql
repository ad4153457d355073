-- What a trim would delete now.
-- Parameters: $1 float8 (Unix seconds: older changes would be deleted), $2 bigint (highest seq).
-- Columns: deleted bigint, first bigint and last bigint (smallest and largest seq; NULL: none).
SELECT count(*) AS deleted, min(seq)::bigint AS first, max(seq)::bigint AS last
  FROM @schema@.forge_change_log
 WHERE created_at < pg_catalog.to_timestamp($1::float8) AND seq <= $2::bigint;
