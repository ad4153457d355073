-- Tables with what they are called, as rows of g (with the columns relation, called and above) and
-- m (with the column name): the beginning of a FROM. $1 bigint[] are the tables, $2 text[] how each
-- was called, $3 text[] what was above each.
ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]),
                  pg_catalog.unnest($3::text[])) AS g(relation, called, above)
 CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(1259, g.relation::oid, 0) p
 CROSS JOIN LATERAL (
         SELECT @table_name@ AS name
           FROM (SELECT p.object_names[1] AS nspname) n, (SELECT p.object_names[2] AS relname) c) m
