-- Claims a consumer's name for this session, unless another session has it.
-- Parameters: $1 text (the name).
-- Columns: got boolean, pid int (the server process that has the claim now: behind a pooler,
-- perhaps not the one that the connection was told of), started text (when that process began).
SELECT pg_catalog.pg_try_advisory_lock(@claimant@, @claim_key@) AS got,
       pg_catalog.pg_backend_pid() AS pid,
       (SELECT @session_start@ FROM pg_catalog.pg_stat_activity a
         WHERE a.pid = pg_catalog.pg_backend_pid()) AS started
  FROM (SELECT $1::text AS name) c;
