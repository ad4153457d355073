-- Whether the lease on a consumer's name is still its holder's, and what was asked of the consumer.
-- Parameters: $1 text (the name), $2 bigint (the epoch).
-- Columns: asked bigint, paused boolean; no row where the lease is another's.
SELECT c.asked, c.paused
  FROM (SELECT n.epoch, n.asked, n.paused_at IS NOT NULL AS paused
          FROM @schema@.forge_change_log_consumers n
         WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1) c
 WHERE c.epoch = $2;
