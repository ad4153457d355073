-- The rows of the table of consumers, as a subquery of FROM. The index is read from behind, name by
-- name: there is the newest version of each row, while older ones may have to stay on disk for a
-- snapshot that somebody holds.
(WITH RECURSIVE each AS (
   (SELECT name, position, updated_at FROM @schema@.forge_change_log_consumers
     ORDER BY name DESC LIMIT 1)
   UNION ALL
   SELECT n.name, n.position, n.updated_at
     FROM each CROSS JOIN LATERAL (
            SELECT x.name, x.position, x.updated_at FROM @schema@.forge_change_log_consumers x
             WHERE x.name < each.name ORDER BY x.name DESC LIMIT 1) n)
 SELECT name, position, updated_at FROM each)
