-- Which tables the log calls otherwise by now. It is asked again and again, so functions look into
-- the catalog caches: to plan a join of the catalogs takes several times as long.
-- Parameters: $1 bigint[] (the tables), $2 text[] (how it called each).
-- Columns: relation bigint, name text (how it calls it now).
SELECT g.relation, m.name
  FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]))
         AS g(relation, called)
 CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(1259, g.relation::oid, 0) p
 CROSS JOIN LATERAL (
         SELECT @table_name@ AS name
           FROM (SELECT p.object_names[1] AS nspname) n, (SELECT p.object_names[2] AS relname) c) m
 WHERE m.name <> g.called;
