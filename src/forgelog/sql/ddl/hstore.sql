-- The extension hstore makes the difference of two rows twice as fast as jsonb does. Where it
-- cannot be created, nothing happens here, and jsonb serves.
DO $forge$
BEGIN
  CREATE EXTENSION IF NOT EXISTS hstore SCHEMA @schema@;
EXCEPTION
  WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object
    OR duplicate_function OR duplicate_object OR system_error OR io_error THEN NULL;
END $forge$;
