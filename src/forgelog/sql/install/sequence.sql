-- Whether the sequence is not behind the log.
-- Parameters: $1 text (the sequence of the log, quoted where needed).
-- Columns: leads boolean.
SELECT coalesce((SELECT max(seq) FROM @schema@.forge_change_log), 0)
         <= coalesce(pg_catalog.pg_sequence_last_value($1::pg_catalog.regclass), 0) AS leads;
