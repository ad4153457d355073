-- The highest seq that a trim may delete so that the newest rows stay.
-- Parameters: $1 bigint (how many of the newest rows stay), $2 bigint (the seq above which the log
-- begins).
-- Columns: floor bigint; no row where the log has no more rows than that.
SELECT seq::bigint AS floor
  FROM @schema@.forge_change_log
 WHERE seq > $2::bigint ORDER BY seq DESC OFFSET $1::bigint LIMIT 1;
