-- The names of consumers and of their lanes, for who has misspelt one.
-- Parameters: $1 int (the most).
-- Columns: name text.
SELECT name FROM @schema@.forge_change_log_consumers ORDER BY name LIMIT $1;
