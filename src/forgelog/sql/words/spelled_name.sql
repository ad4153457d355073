-- What the log would call the table that a name means where there is no such table, over g as in
-- named_table; NULL where the name can only be meant exactly.
(SELECT @table_name@
   FROM (SELECT CASE pg_catalog.cardinality(g.parts) WHEN 1 THEN @schema_name@
                                                     WHEN 2 THEN g.parts[1] END AS nspname) n,
        (SELECT g.parts[pg_catalog.cardinality(g.parts)] AS relname) c)
