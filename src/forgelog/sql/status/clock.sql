-- The server's clock, by which the log tells when a change was written.
-- Parameters: none.
-- Columns: now numeric (Unix seconds).
SELECT extract(epoch FROM pg_catalog.clock_timestamp()) AS now;
