-- Saves a consumer's position over the one that it has loaded or saved before, and renews its
-- lease, unless another holder has taken that since. Slower than lease/save.sql beside a snapshot
-- that somebody holds, but the row is found whoever changes it.
-- Parameters: those of lease/save.sql.
-- Columns: asked bigint, paused boolean, ends numeric (when the lease does, Unix time); no row
-- where the lease is another's, or the saved position
-- is another than $5.
UPDATE @schema@.forge_change_log_consumers c
   SET position = $4, updated_at = pg_catalog.clock_timestamp(),
       lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3)
 WHERE c.name = $1 AND c.epoch = $2 AND c.position IS NOT DISTINCT FROM $5
RETURNING c.asked, c.paused_at IS NOT NULL AS paused,
          extract(epoch FROM c.lease_until) AS ends;
