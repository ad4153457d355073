-- Disarms the doorbell, and wakes the followers that slept by it: one of them has to take it over.
-- Parameters: none.
-- Columns: pg_advisory_unlock boolean (whether this session held it), pg_notify void.
SELECT pg_catalog.pg_advisory_unlock(@bell@), pg_catalog.pg_notify('forge_changes', '');
