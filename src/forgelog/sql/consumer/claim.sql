-- Claims a consumer's name for this session, unless another session has it.
-- Parameters: $1 text (the name).
-- Columns: got boolean, pid int (the server process that has the claim now: behind a pooler,
-- perhaps not the one that the connection was told of).
SELECT pg_catalog.pg_try_advisory_lock(@claimant@, @claim_key@) AS got,
       pg_catalog.pg_backend_pid() AS pid
  FROM (SELECT $1::text AS name) c;
