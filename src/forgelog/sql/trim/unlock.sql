-- Gives the lock of the one trimmer back; the server only warns where this session has it not.
-- Parameters: none.
-- Columns: pg_advisory_unlock boolean (whether this session had it).
SELECT pg_catalog.pg_advisory_unlock(@trimmer@);
