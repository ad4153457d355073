-- Takes the lock of the one trimmer for this session, unless another session has it.
-- Parameters: none.
-- Columns: got boolean, pid int (the server process that has the lock now: behind a pooler, perhaps
-- not the one that the connection was told of).
SELECT pg_catalog.pg_try_advisory_lock(@trimmer@) AS got, pg_catalog.pg_backend_pid() AS pid;
