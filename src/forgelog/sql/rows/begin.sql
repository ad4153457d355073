-- What makes the transaction that reads rows one that nothing can conflict with.
-- Parameters: none.
-- Columns: none.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY;
