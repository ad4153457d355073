-- The session that has the claim on a consumer's name.
-- Parameters: $1 text (the name).
-- Columns: pid int, application_name text, started text (when the session began, UTC; NULL where
-- this role may not know it); no row where nobody has it.
SELECT l.pid, a.application_name, @session_start@ AS started
  FROM (SELECT $1::text AS name) c
  JOIN pg_catalog.pg_locks l ON @claim_lock@
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid;
