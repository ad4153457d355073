-- The oid of the table that a name means, over g = a row with the columns exact (the name as it was
-- given) and parts (the same read as SQL, text[]; NULL where it can only be meant exactly). A bare
-- name is looked for in the log's schema first, as in table_name. It asks the catalog alone, since
-- to_regclass raises an error where this role may not use the schema.
coalesce(
  (SELECT x.oid
     FROM pg_catalog.pg_class x JOIN pg_catalog.pg_namespace y ON y.oid = x.relnamespace
    CROSS JOIN LATERAL (
            SELECT CASE
                     WHEN x.relname = g.parts[1]::name AND pg_catalog.cardinality(g.parts) = 1
                     THEN CASE WHEN y.nspname = @schema_name@ THEN 1
                               WHEN pg_catalog.pg_table_is_visible(x.oid) THEN 2 END
                     WHEN x.relname = g.parts[2]::name AND pg_catalog.cardinality(g.parts) = 2
                     THEN CASE WHEN y.nspname = g.parts[1]::name THEN 2
                               WHEN g.parts[1] = 'pg_temp'
                                AND y.oid = pg_catalog.pg_my_temp_schema() THEN 2 END END AS sql,
                   CASE WHEN x.relname = g.exact
                        THEN CASE WHEN y.nspname = @schema_name@ THEN 3
                                  WHEN pg_catalog.pg_table_is_visible(x.oid) THEN 4 END END
                     AS exact) r
    WHERE x.relname = ANY (ARRAY[g.parts[1]::name, g.parts[2]::name, g.exact::name])
      AND x.relkind IN ('r', 'p', 'v', 'm', 'f') AND coalesce(r.sql, r.exact) IS NOT NULL
    ORDER BY coalesce(r.sql, r.exact) LIMIT 1),
  (SELECT x.oid
     FROM pg_catalog.pg_class x JOIN pg_catalog.pg_namespace y ON y.oid = x.relnamespace
    WHERE pg_catalog.strpos(g.exact, '.') > 0 AND x.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND y.nspname::text || '.' || x.relname::text = g.exact LIMIT 1))
