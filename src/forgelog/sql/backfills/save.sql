-- Saves how far a consumer is with a table, unless it is not any more where it was.
-- Parameters: $1 to $5 as in sql/words/is_backfill.sql, $6 text[] (the key to go on behind), $7
-- text (what that key is), $8 bigint (rows that were read since), $9 bigint (the table's oid).
-- Columns: saved boolean; no row where it was begun anew, or cancelled, or is further already.
UPDATE @schema@.forge_change_log_backfills b
   SET after = $6::text[], key = $7, rows = b.rows + $8::bigint, reload = false,
       relation = coalesce($9::bigint::oid, b.relation),
       started_at = coalesce(b.started_at, pg_catalog.clock_timestamp()),
       updated_at = pg_catalog.clock_timestamp()
 WHERE @is_backfill@
RETURNING true AS saved;
