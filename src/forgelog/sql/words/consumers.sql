-- The rows of the table of consumers that have a position, as a subquery of FROM. The index is read
-- from behind, name by name: there is the newest version of each row, while older ones may have to
-- stay on disk for a snapshot that somebody holds. fields has all that stands in the row, as jsonb:
-- a log that was installed earlier has fewer columns.
(WITH RECURSIVE each AS (
   (SELECT c.name, c.position, c.updated_at, pg_catalog.to_jsonb(c) AS fields
      FROM @schema@.forge_change_log_consumers c ORDER BY c.name DESC LIMIT 1)
   UNION ALL
   SELECT n.name, n.position, n.updated_at, n.fields
     FROM each CROSS JOIN LATERAL (
            SELECT x.name, x.position, x.updated_at, pg_catalog.to_jsonb(x) AS fields
              FROM @schema@.forge_change_log_consumers x
             WHERE x.name < each.name ORDER BY x.name DESC LIMIT 1) n)
 SELECT name, position, updated_at, fields FROM each WHERE position IS NOT NULL)
