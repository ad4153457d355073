-- Saves a consumer's position, but only over the one that it has loaded or saved before: of two
-- consumers of one name the later one fails. The row is found from behind, as in consumer/load.sql.
-- Parameters: $1 text (the consumer's name), $2 text (the position), $3 text (the one before;
-- NULL: none).
-- Columns: saved boolean (false: the saved position is another than $3).
WITH moved AS (
       UPDATE @schema@.forge_change_log_consumers c
          SET position = $2, updated_at = pg_catalog.clock_timestamp()
        WHERE c.ctid = (SELECT n.ctid FROM @schema@.forge_change_log_consumers n
                         WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1)
          AND c.position IS NOT DISTINCT FROM $3
       RETURNING true),
     put AS (
       INSERT INTO @schema@.forge_change_log_consumers AS c (name, position, updated_at)
       SELECT $1, $2, pg_catalog.clock_timestamp() WHERE NOT EXISTS (SELECT FROM moved)
           ON CONFLICT (name) DO UPDATE
          SET position = excluded.position, updated_at = excluded.updated_at
        WHERE c.position IS NOT DISTINCT FROM $3
       RETURNING true)
SELECT EXISTS (SELECT FROM moved) OR EXISTS (SELECT FROM put) AS saved;
