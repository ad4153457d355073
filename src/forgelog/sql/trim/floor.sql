-- The highest seq that a trim may delete so that the newest rows stay.
-- Parameters: $1 bigint (how many of the newest rows stay).
-- Columns: floor bigint; no row where the log has no more rows than that.
SELECT seq::bigint AS floor
  FROM @schema@.forge_change_log ORDER BY seq DESC OFFSET $1::bigint LIMIT 1;
