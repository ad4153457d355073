-- Saves a consumer's position over the one that it has loaded or saved before, and renews its
-- lease, unless another holder has taken that since. The row is found as in lease/renew.sql.
-- Parameters: $1 text (the name), $2 text (the position), $3 text (the one before; NULL: none), $4
-- bigint (the epoch), $5 double precision (seconds).
-- Columns: asked bigint, paused boolean; no row where the lease is another's, or the saved position
-- is another than $3.
WITH saved AS (
       UPDATE @schema@.forge_change_log_consumers c
          SET position = $2, updated_at = pg_catalog.clock_timestamp(),
              lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $5)
        WHERE c.ctid = (SELECT n.ctid FROM @schema@.forge_change_log_consumers n
                         WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1)
          AND c.epoch = $4 AND c.position IS NOT DISTINCT FROM $3
       RETURNING c.asked, c.paused_at IS NOT NULL AS paused),
     by_name AS (
       UPDATE @schema@.forge_change_log_consumers c
          SET position = $2, updated_at = pg_catalog.clock_timestamp(),
              lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $5)
        WHERE NOT EXISTS (SELECT FROM saved) AND c.name = $1
          AND c.epoch = $4 AND c.position IS NOT DISTINCT FROM $3
       RETURNING c.asked, c.paused_at IS NOT NULL AS paused)
SELECT asked, paused FROM saved
 UNION ALL
SELECT asked, paused FROM by_name;
