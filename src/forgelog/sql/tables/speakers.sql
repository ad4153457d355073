-- Under whose name the changes of tables are logged now.
-- Parameters: $1 bigint[] (the tables).
-- Columns: relation bigint, speaker bigint (the table in whose name it is), name text (how the log
-- calls that); no row for a table that is gone.
SELECT s.relation, s.oid::bigint AS speaker, @table_name@ AS name
  FROM (SELECT g.oid::bigint AS relation, @speaker@ AS oid
          FROM (SELECT u.relation::oid AS oid FROM pg_catalog.unnest($1::bigint[]) u(relation)) g,
               (SELECT o.oid FROM pg_catalog.pg_namespace o
                 WHERE o.nspname = @schema_name@) home) s
  JOIN pg_catalog.pg_class c ON c.oid = s.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace;
