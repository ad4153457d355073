-- Asks for an answer, whatever it is: a connection that was cut while it rested shows that only
-- when it is used.
-- Parameters: none. Columns: alive boolean.
SELECT true AS alive;
