-- Where the consumers of the table store are: a trim that keeps their changes stops at the lowest.
-- Parameters: none.
-- Columns: position text; one row a consumer.
SELECT c.position FROM @consumers@ c;
