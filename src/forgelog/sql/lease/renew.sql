-- Renews the lease on a consumer's name, unless another holder has taken it since. The row is found
-- from behind, as in consumer/load.sql.
-- Parameters: $1 text (the name), $2 bigint (the epoch), $3 double precision (seconds).
-- Columns: asked bigint, paused boolean, ends numeric (when the lease does, Unix time); no row
-- where the lease is another's, or where somebody else has changed the row at this moment.
UPDATE @schema@.forge_change_log_consumers c
   SET lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3)
 WHERE c.ctid = (SELECT n.ctid FROM @schema@.forge_change_log_consumers n
                  WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1)
   AND c.epoch = $2
RETURNING c.asked, c.paused_at IS NOT NULL AS paused,
          extract(epoch FROM c.lease_until) AS ends;
