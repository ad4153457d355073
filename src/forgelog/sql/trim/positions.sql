-- Where the consumers of the table store are: a trim that keeps their changes stops at the lowest.
-- Parameters: none.
-- Columns: position text; one row a consumer.
SELECT position FROM @schema@.forge_change_log_consumers;
