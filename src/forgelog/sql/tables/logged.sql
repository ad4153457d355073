-- Which of some names stand in a part of the log.
-- Parameters: $1 text[] (the names), $2 bigint (the seq before it), $3 bigint (its last seq).
-- Columns: name text.
SELECT g.name
  FROM pg_catalog.unnest($1::text[]) AS g(name)
 WHERE EXISTS (SELECT FROM @schema@.forge_change_log l
                WHERE l.table_name = g.name AND l.seq > $2::bigint AND l.seq <= $3::bigint);
