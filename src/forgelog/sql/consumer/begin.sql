-- Begins the transaction in which a handler's work and the position behind it are saved together.
-- Parameters: none. Columns: none.
BEGIN ISOLATION LEVEL READ COMMITTED;
