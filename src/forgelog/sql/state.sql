-- Whether the state has its row, and the sequence is not set back below what it says.
SELECT EXISTS (SELECT FROM @schema@.forge_change_log_state
                WHERE trimmed_to <= coalesce(pg_catalog.pg_sequence_last_value(@sequence@::pg_catalog.regclass), 0)) AS sound
