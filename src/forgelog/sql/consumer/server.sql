-- Which server answers, and since which of its starts: another start, or another server, may lack
-- what this one had committed.
-- Parameters: none.
-- Columns: server text.
SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text AS server;
