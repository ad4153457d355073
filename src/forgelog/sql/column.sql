-- Whether the table $1 has a column $2.
SELECT true AS there FROM pg_catalog.pg_attribute
 WHERE attrelid = $1::bigint::oid AND attname = $2 AND attnum > 0 AND NOT attisdropped
