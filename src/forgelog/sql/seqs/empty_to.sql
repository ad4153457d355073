-- The seq up to which there is nothing in the log and will be nothing, by the guard triggers.
-- Parameters: none.
-- Columns: empty_to bigint; no row where the state has lost its row.
SELECT empty_to FROM @schema@.forge_change_log_state;
