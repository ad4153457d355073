-- The changes that are to be tried again, in order, without those that wait behind others.
-- Parameters: $1 text (the consumer), $2 bigint (the id after which they are wanted), $3 bigint
-- (most of them).
-- Columns: those of words/parked_columns.sql.
SELECT @parked_columns@
  FROM @schema@.forge_change_log_parked p
 WHERE p.consumer = $1 AND p.retry AND p.id > $2::bigint AND NOT @is_blocked@
 ORDER BY p.id LIMIT $3::bigint;
