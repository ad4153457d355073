-- Whether a table has a column.
-- Parameters: $1 bigint (the table's oid), $2 text (the column's exact name).
-- Columns: there boolean (true); no row where it has none.
SELECT true AS there FROM pg_catalog.pg_attribute
 WHERE attrelid = $1::bigint::oid AND attname = $2 AND attnum > 0 AND NOT attisdropped;
