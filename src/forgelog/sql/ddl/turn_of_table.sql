-- What a script waits for that works on one table.
SELECT pg_catalog.pg_advisory_xact_lock_shared(@installer@),
       pg_catalog.pg_advisory_xact_lock(@one_table@, @relation@::bigint::bit(32)::int)
