-- How many rows the planner thinks that a table has, with all its partitions, over b = a row with
-- the column relation, the table's oid. NULL where nobody knows.
(SELECT CASE WHEN pg_catalog.bool_or(x.reltuples >= 0)
             THEN sum(greatest(x.reltuples, 0))::bigint END
   FROM (SELECT b.relation AS oid
          UNION
         SELECT e.relid::oid FROM pg_catalog.pg_partition_tree(b.relation) e) m
   JOIN pg_catalog.pg_class x ON x.oid = m.oid
  WHERE x.relkind <> 'p')
