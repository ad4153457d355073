-- Makes a handler's work and the position behind it lasting.
-- Parameters: none. Columns: none.
COMMIT;
