-- The parked changes of a consumer, in the order in which they were parked.
-- Parameters: $1 text (the consumer), $2 bigint (the id after which they are wanted), $3 bigint
-- (most of them; NULL: all).
-- Columns: those of words/parked_columns.sql.
SELECT @parked_columns@
  FROM @schema@.forge_change_log_parked p
 WHERE p.consumer = $1 AND p.id > $2::bigint
 ORDER BY p.id LIMIT $3::bigint;
