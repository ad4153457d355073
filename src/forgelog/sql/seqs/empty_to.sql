-- The seq up to which there is nothing in the log and will be nothing, by the guard triggers. The
-- newest version of the row is the last one in the index.
-- Parameters: none.
-- Columns: empty_to bigint; no row where the state has lost its row.
SELECT empty_to FROM @schema@.forge_change_log_state ORDER BY one DESC LIMIT 1;
