-- Whether the state has its row, and the sequence is not set back below what the row says.
-- Parameters: $1 text (the sequence of the log, quoted where needed).
-- Columns: sound boolean.
SELECT EXISTS (
         SELECT FROM @schema@.forge_change_log_state
          WHERE trimmed_to <= coalesce(
                  pg_catalog.pg_sequence_last_value($1::pg_catalog.regclass), 0)) AS sound;
