-- Disarms the doorbell within a transaction of the user's: nothing in it may change how that one
-- commits, so nobody is woken. Those who slept by the bell take it over when they look next.
-- Parameters: none.
-- Columns: pg_advisory_unlock boolean (whether this session held it).
UNLISTEN forge_changes;
SELECT pg_catalog.pg_advisory_unlock(@bell@);
