-- What a script waits for that no other one may run beside.
SELECT pg_catalog.pg_advisory_xact_lock(@installer@)
