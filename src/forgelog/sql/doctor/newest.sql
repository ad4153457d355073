-- How old the newest change is that a trim does not keep for its floor of rows.
-- Parameters: $1 bigint (how many of the newest rows a trim keeps).
-- Columns: seq bigint, age numeric (seconds); no row where the log has no more rows than that.
SELECT seq::bigint AS seq,
       extract(epoch FROM pg_catalog.clock_timestamp() - created_at) AS age
  FROM @schema@.forge_change_log ORDER BY seq DESC OFFSET $1::bigint LIMIT 1;
