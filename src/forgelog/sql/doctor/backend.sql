-- The process that serves this session at this moment: behind a pooler it can be another one later.
-- Parameters: none.
-- Columns: pid int.
SELECT pg_catalog.pg_backend_pid() AS pid;
