-- The partitions below a table, which get no copy of a trigger for TRUNCATE.
-- Parameters: $1 bigint (the table's oid).
-- Columns: quoted text.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted
  FROM pg_catalog.pg_partition_tree($1::bigint::oid) b
  JOIN pg_catalog.pg_class c ON c.oid = b.relid::oid AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE b.relid::oid <> $1::bigint::oid;
