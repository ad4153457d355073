-- Removes a table from those that a consumer reads from end to end, unless it is not any more where
-- it was.
-- Parameters: $1 to $5 as in sql/words/is_backfill.sql.
-- Columns: saved boolean; no row where it was begun anew, or cancelled, or is further already.
DELETE FROM @schema@.forge_change_log_backfills b WHERE @is_backfill@ RETURNING true AS saved;
