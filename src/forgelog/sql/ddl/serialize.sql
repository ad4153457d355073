-- What writes into the database begins with this: one install or watch works at a time.
SELECT pg_catalog.pg_advisory_xact_lock(@installer@);
