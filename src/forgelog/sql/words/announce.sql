-- What a statement that writes to the log, and to nothing before it, selects from: its transaction
-- is in the WAL before it takes a seq, so that who reads a hot standby knows of it.
(SELECT pg_catalog.pg_logical_emit_message(true, 'forgelog', '') OFFSET 0) announced
