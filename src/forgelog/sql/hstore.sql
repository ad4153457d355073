-- hstore makes the difference of two rows twice as cheap as jsonb does; where it is not to be had, jsonb serves.
SELECT pg_catalog.pg_advisory_xact_lock(77306496745476);
DO $forge$
BEGIN
  CREATE EXTENSION IF NOT EXISTS hstore SCHEMA @schema@;
EXCEPTION
  WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object OR duplicate_function
    OR duplicate_object OR system_error OR io_error THEN NULL;
END $forge$
