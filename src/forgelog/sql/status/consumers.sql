-- The consumers that keep their position in the table store, and which session runs each.
-- Parameters: none.
-- Columns: name text, position text, updated_at numeric (Unix seconds), pid int and
-- application_name text (NULL: no session holds its name).
SELECT c.name, c.position, extract(epoch FROM c.updated_at) AS updated_at,
       l.pid, a.application_name
  FROM @consumers@ c
  LEFT JOIN pg_catalog.pg_locks l ON @claim_lock@
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 ORDER BY c.name;
