-- What a trim would delete now.
-- Parameters: $1 bigint (the seq above which the log begins), $2 bigint (highest seq to delete).
-- Columns: deleted bigint, first bigint and last bigint (smallest and largest seq; NULL: none).
SELECT count(*) AS deleted, min(seq)::bigint AS first, max(seq)::bigint AS last
  FROM @schema@.forge_change_log WHERE seq > $1::bigint AND seq <= $2::bigint;
