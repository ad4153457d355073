-- Parks a change of a consumer, unless it is parked already.
-- Parameters: $1 text (the consumer), $2 bigint (its seq; NULL: it was read by a backfill), $3 text
-- (its key), $4 to $11 its fields table_name, op, row_id, changed_cols, created_at (Unix seconds),
-- txid, context, key_cols, $12 text[] (names of the values that are kept with it), $13 and $14
-- text[] (these values before and after), $15 text[] (names of those that were too long), $16
-- boolean (it waits behind another change of its key), $17 int (how often it was tried), $18 text
-- (the last error).
-- Columns: none.
INSERT INTO @schema@.forge_change_log_parked (consumer, seq, key, table_name, op, row_id,
            changed_cols, created_at, txid, context, key_cols, kept_names, old_values, new_values,
            omitted, waits, attempts, error)
VALUES ($1, $2::bigint, $3, $4, $5, $6, $7, pg_catalog.to_timestamp($8::float8), $9::bigint, $10,
        $11::smallint, $12::text[], $13::text[], $14::text[], $15::text[], $16::boolean, $17::int,
        $18)
    ON CONFLICT (consumer, seq, pg_catalog.left(key, 200)) DO NOTHING;
