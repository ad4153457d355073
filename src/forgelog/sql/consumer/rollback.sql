-- Takes a handler's work back.
-- Parameters: none. Columns: none.
ROLLBACK;
