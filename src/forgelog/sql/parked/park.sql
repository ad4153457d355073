-- Parks a change of a consumer, unless it is parked already. What a backfill reads again is kept as
-- it was read last.
-- Parameters: $1 text (the consumer), $2 bigint (its seq; NULL: it was read by a backfill), $3 text
-- (its key), $4 to $11 its fields table_name, op, row_id, changed_cols, created_at (Unix seconds),
-- txid, context, key_cols, $12 text[] (names of the values that are kept with it), $13 and $14
-- text[] (these values before and after), $15 text[] (names of those that were too long), $16
-- boolean (it waits behind another change of its key), $17 int (how often it was tried), $18 text
-- (the last error), $19 boolean (newer changes of its key wait behind it).
-- Columns: none.
WITH newer AS (
       UPDATE @schema@.forge_change_log_parked p SET waits = true
        WHERE $19::boolean AND p.consumer = $1 AND p.key = $3
          AND pg_catalog.left(p.key, 200) >= pg_catalog.left($3, 200)
          AND pg_catalog.left(p.key, 200) <= pg_catalog.left($3, 200)
          AND coalesce(p.seq, 0) > $2::bigint AND NOT p.waits),
     again AS (
       UPDATE @schema@.forge_change_log_parked p
          SET created_at = pg_catalog.to_timestamp($8::float8), key_cols = $11::smallint,
              kept_names = $12::text[], old_values = $13::text[], new_values = $14::text[],
              omitted = $15::text[]
        WHERE $2::bigint IS NULL AND p.consumer = $1 AND p.key = $3
          AND pg_catalog.left(p.key, 200) >= pg_catalog.left($3, 200)
          AND pg_catalog.left(p.key, 200) <= pg_catalog.left($3, 200)
          AND coalesce(p.seq, 0) = 0 AND p.seq IS NULL AND p.table_name = $4 AND p.op = $5
          AND p.row_id IS NOT DISTINCT FROM $6
       RETURNING true)
INSERT INTO @schema@.forge_change_log_parked (consumer, seq, key, table_name, op, row_id,
            changed_cols, created_at, txid, context, key_cols, kept_names, old_values, new_values,
            omitted, waits, attempts, error)
SELECT $1, $2::bigint, $3, $4, $5, $6, $7, pg_catalog.to_timestamp($8::float8), $9::bigint, $10,
       $11::smallint, $12::text[], $13::text[], $14::text[], $15::text[], $16::boolean, $17::int,
       $18
 WHERE NOT EXISTS (SELECT FROM again)
    ON CONFLICT (consumer, seq, pg_catalog.left(key, 200)) DO NOTHING;
