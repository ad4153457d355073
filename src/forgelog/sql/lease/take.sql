-- Takes the lease on a consumer's name: where nobody has it, where its time is over, where the
-- session in which it was taken has ended, and from a holder that is known to be gone. Nobody waits
-- here for the row, and no claim of an older program, which is a session's lock, is passed over. A
-- new row begins with an epoch that no row of this name has had before.
-- Parameters: $1 text (the name), $2 text (the holder), $3 double precision (seconds), $4 int (the
-- server process that the connection was told of), $5 text (a holder that is gone; NULL: none is
-- known), $6 text and $7 int (of a lane: the consumer's name, and how many lanes that must have;
-- NULL: a consumer without lanes).
-- Columns: epoch bigint, asked bigint, paused boolean, pid int and started text (the session; NULL
-- behind a pooler), free boolean (whoever had it before has given it back, if anybody had it),
-- ends numeric (when the lease does, Unix time), ended numeric (when it did before, where $2
-- had it); no row while another holder has it.
WITH whole AS (
       SELECT b.lanes FROM @schema@.forge_change_log_consumers b
        WHERE b.name = $6 AND b.lanes = $7 FOR KEY SHARE SKIP LOCKED),
     old AS (
       SELECT c.ctid, c.lanes, c.holder, c.lease_until, c.pid, c.started
         FROM @schema@.forge_change_log_consumers c
        WHERE c.ctid = (SELECT n.ctid FROM @schema@.forge_change_log_consumers n
                         WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1)
          FOR UPDATE SKIP LOCKED),
     mine AS (
       SELECT CASE WHEN a.pid = $4 THEN a.pid END AS pid,
              CASE WHEN a.pid = $4 THEN @session_start@ END AS started
         FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_catalog.pg_backend_pid()),
     free AS (
       SELECT NOT EXISTS (SELECT FROM (SELECT $1::text AS name) c
                            JOIN pg_catalog.pg_locks l ON @claim_lock@) AS free),
     taken AS (
       UPDATE @schema@.forge_change_log_consumers c
          SET epoch = c.epoch + 1, holder = $2, pid = mine.pid, started = mine.started,
              lease_until = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3)
         FROM old, mine, free
        WHERE c.ctid = old.ctid AND free.free
          AND CASE WHEN $6 IS NULL THEN old.lanes IS NULL
                   ELSE old.lanes = $7 AND EXISTS (SELECT FROM whole) END
          AND (old.holder IS NULL OR old.holder IN ($2, $5)
               OR old.lease_until <= pg_catalog.clock_timestamp()
               OR old.pid IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_catalog.pg_stat_activity a
                     WHERE a.pid = old.pid AND (a.backend_start IS NULL
                                                OR @session_start@ = old.started)))
       RETURNING c.epoch, c.asked, c.paused_at IS NOT NULL AS paused, c.pid, c.started,
                 old.holder IS NULL AS free, c.lease_until AS ends,
                 CASE WHEN old.holder = $2 THEN old.lease_until END AS ended),
     made AS (
       INSERT INTO @schema@.forge_change_log_consumers AS c
              (name, epoch, holder, pid, started, lease_until)
       SELECT $1, (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint, $2,
              mine.pid, mine.started,
              pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3)
         FROM mine, free
        WHERE $6 IS NULL AND free.free
          AND NOT EXISTS (SELECT FROM @schema@.forge_change_log_consumers n
                           WHERE n.name = $1)
           ON CONFLICT (name) DO NOTHING
       RETURNING c.epoch, c.asked, false AS paused, c.pid, c.started, true AS free,
                 c.lease_until AS ends, NULL::timestamptz AS ended)
SELECT t.epoch, t.asked, t.paused, t.pid, t.started, t.free, extract(epoch FROM t.ends) AS ends,
       extract(epoch FROM t.ended) AS ended
  FROM (TABLE taken UNION ALL TABLE made) t;
