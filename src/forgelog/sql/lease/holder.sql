-- Who has the lease on a consumer's name, or, in another session, an older program's lock on it.
-- Parameters: $1 text (the name).
-- Columns: holder text (NULL: an older program), pid int (its session; NULL: behind a pooler),
-- application_name text, started text (when the session began, UTC; NULL: not known), seconds
-- numeric (that the lease lasts yet); no row where nobody has it.
SELECT c.holder, c.pid, a.application_name, c.started,
       extract(epoch FROM c.lease_until - pg_catalog.clock_timestamp()) AS seconds
  FROM @schema@.forge_change_log_consumers c
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid
 WHERE c.name = $1 AND c.holder IS NOT NULL
 UNION ALL
SELECT NULL, l.pid, a.application_name, @session_start@, NULL
  FROM (SELECT $1::text AS name) c
  JOIN pg_catalog.pg_locks l ON @claim_lock@ AND l.pid <> pg_catalog.pg_backend_pid()
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 ORDER BY 1 NULLS FIRST LIMIT 1;
