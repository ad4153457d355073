-- How old the newest change of @schema@ is that a trim with its usual floor does not keep.
SELECT seq::bigint AS seq, extract(epoch FROM pg_catalog.clock_timestamp() - created_at)::float8 AS age
  FROM @schema@.forge_change_log ORDER BY seq DESC OFFSET 1000 LIMIT 1
