-- Ends one session, and no other one that has its process id by now, and waits until it has ended,
-- two seconds at most.
-- Parameters: $1 int (its process id), $2 text (when it began).
-- Columns: ended boolean; no row where it is gone.
SELECT pg_catalog.pg_terminate_backend(a.pid, 2000) AS ended
  FROM pg_catalog.pg_stat_activity a
 WHERE a.pid = $1 AND a.pid <> pg_catalog.pg_backend_pid() AND @session_start@ = $2;
