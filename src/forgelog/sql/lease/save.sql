-- Saves a consumer's position over the one that it has loaded or saved before, and renews its
-- lease, unless another holder has taken that since. The row is found as in lease/renew.sql.
-- Parameters: $1 text (the name), $2 bigint (the epoch), $3 double precision (seconds), $4 text
-- (the position), $5 text (the one before; NULL: none).
-- Columns: asked bigint, paused boolean, ends numeric (when the lease does, Unix time); no row
-- where the lease is another's, or the saved position
-- is another than $5, or where somebody else has changed the row at this moment.
UPDATE @schema@.forge_change_log_consumers c
   SET position = $4, updated_at = pg_catalog.clock_timestamp(),
       lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3)
 WHERE c.ctid = (SELECT n.ctid FROM @schema@.forge_change_log_consumers n
                  WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1)
   AND c.epoch = $2 AND c.position IS NOT DISTINCT FROM $5
RETURNING c.asked, c.paused_at IS NOT NULL AS paused,
          extract(epoch FROM c.lease_until) AS ends;
