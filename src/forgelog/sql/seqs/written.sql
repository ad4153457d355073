-- How much the server has written by now, when work is done that may have read all of it.
-- Parameters: none.
-- Columns: lsn text (NULL: it is a standby, which may have less than what the work has read).
SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery()
            THEN pg_catalog.pg_current_wal_insert_lsn() END::text AS lsn;
