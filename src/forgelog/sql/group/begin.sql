-- Begins the transaction in which all of a consumer is changed.
-- Parameters: none. Columns: none.
BEGIN ISOLATION LEVEL READ COMMITTED;
