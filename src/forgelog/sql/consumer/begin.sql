-- Begins the transaction in which a handler's work and the position behind it are saved together.
-- Parameters: none.
-- Columns: server text (which server it is, as in consumer/server.sql).
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT @this_server@ AS server;
