-- Whether the state has its row.
SELECT EXISTS (SELECT FROM @schema@.forge_change_log_state) AS there
