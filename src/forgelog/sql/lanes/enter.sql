-- Makes the rows of a consumer's lanes, and its own, which says how many they are, where nobody has
-- run it yet. A program without lanes that has slept through its lease loses the name by that. An
-- older program's claim, which is a session's lock, is not passed over.
-- Parameters: $1 text (the consumer's name), $2 int (how many).
-- Columns: none.
WITH own AS (
       INSERT INTO @schema@.forge_change_log_consumers AS c (name, lanes)
       SELECT n.name, $2 FROM (SELECT $1::text AS name) n
        WHERE NOT EXISTS (SELECT FROM (SELECT n.name) c JOIN pg_catalog.pg_locks l ON @claim_lock@)
           ON CONFLICT (name) DO UPDATE
          SET lanes = excluded.lanes, epoch = c.epoch + 1,
              holder = NULL, lease_until = NULL, pid = NULL, started = NULL
        WHERE c.lanes IS NULL AND c.position IS NULL
          AND coalesce(c.lease_until < pg_catalog.clock_timestamp(), true)
       RETURNING c.asked, c.paused_at)
INSERT INTO @schema@.forge_change_log_consumers (name, lanes, asked, paused_at)
SELECT $1 || '#' || i || '/' || $2, $2, own.asked, own.paused_at
  FROM own, pg_catalog.generate_series(1, $2) i
    ON CONFLICT (name) DO NOTHING;
