-- Which server answers, and since which start of its postmaster: another start, or another server,
-- may lack what this one had committed. A recovery after the crash of a single backend is no such
-- start, and is not told.
-- Parameters: none.
-- Columns: server text.
SELECT @this_server@ AS server;
