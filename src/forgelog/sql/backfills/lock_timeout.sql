-- How long the transaction that reads rows waits for whoever has locked the table.
-- Parameters: none. Columns: none.
SET LOCAL lock_timeout = '100ms'
