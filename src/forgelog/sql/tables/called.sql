-- Which tables the log calls otherwise by now.
-- Parameters: $1 bigint[] (the tables), $2 text[] (how it called each).
-- Columns: relation bigint, name text (how it calls it now).
SELECT g.relation, m.name
  FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]))
         AS g(relation, called)
 CROSS JOIN LATERAL (
         SELECT @table_name@ AS name
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid = g.relation::oid LIMIT 1) m
 WHERE m.name <> g.called;
