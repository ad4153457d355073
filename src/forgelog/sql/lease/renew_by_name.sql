-- Renews the lease on a consumer's name, unless another holder has taken it since. Slower than
-- lease/renew.sql beside a snapshot that somebody holds, but the row is found whoever changes it.
-- Parameters: $1 text (the name), $2 bigint (the epoch), $3 double precision (seconds).
-- Columns: asked bigint, paused boolean, ends numeric (when the lease does, Unix time); no row
-- where the lease is another's.
UPDATE @schema@.forge_change_log_consumers c
   SET lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3)
 WHERE c.name = $1 AND c.epoch = $2
RETURNING c.asked, c.paused_at IS NOT NULL AS paused,
          extract(epoch FROM c.lease_until) AS ends;
