-- Gives a consumer another number of lanes, all of which begin from one position.
-- Parameters: $1 text (the consumer's name), $2 int (how many; 1: none), $3 text (the position;
-- NULL: they begin anew).
-- Columns: none.
WITH own AS (
       UPDATE @schema@.forge_change_log_consumers c
          SET lanes = nullif($2, 1), position = CASE WHEN $2 = 1 THEN $3 END, asked = c.asked + 1,
              updated_at = pg_catalog.clock_timestamp(),
              holder = NULL, lease_until = NULL, pid = NULL, started = NULL, epoch = c.epoch + 1
         FROM @schema@.forge_change_log_consumers old
        WHERE c.name = $1 AND old.name = $1
       RETURNING old.lanes, c.asked, c.paused_at, c.epoch),
     lanes AS (
       DELETE FROM @schema@.forge_change_log_consumers c
        USING own, pg_catalog.generate_series(1, own.lanes) i
        WHERE c.name = $1 || '#' || i || '/' || own.lanes
       RETURNING c.name, c.epoch, c.paused_at),
     backfills AS (
       DELETE FROM @schema@.forge_change_log_backfills b
        WHERE b.consumer = $1 OR b.consumer IN (SELECT l.name FROM lanes l)
       RETURNING b.table_name, b.relation, b.reload, b.paused),
     again AS (
       INSERT INTO @schema@.forge_change_log_backfills
              (consumer, table_name, relation, reload, paused)
       SELECT CASE WHEN $2 = 1 THEN $1 ELSE $1 || '#' || i || '/' || $2 END, b.table_name,
              max(b.relation), pg_catalog.bool_or(b.reload), pg_catalog.bool_or(b.paused)
         FROM backfills b, pg_catalog.generate_series(1, $2) i
        GROUP BY i, b.table_name
       RETURNING true)
INSERT INTO @schema@.forge_change_log_consumers (name, lanes, position, epoch, asked, paused_at)
SELECT $1 || '#' || i || '/' || $2, $2, $3,
       (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint, own.asked,
       coalesce(own.paused_at, (SELECT max(l.paused_at) FROM lanes l))
  FROM own, pg_catalog.generate_series(1, $2) i
 WHERE $2 > 1;
