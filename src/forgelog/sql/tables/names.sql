-- What names stand for: the tables that are meant, and how changes of these are called in the log.
-- Each parameter is an array with one element for each name.
-- Parameters: $1 text[] (the exact names), $2 text[] (as SQL has them, or NULL), $3 text[] (schema
-- and $4 text[] table that the log calls so; NULL: the log's schema, none).
-- Columns: place int (of the name), oid bigint and quoted text (the table; NULL: none), spelled
-- text (what the log calls it, or would; NULL: such a name is no table's), name text (under which
-- its changes are logged now; NULL: not captured), relation bigint (the table captured, such as one
-- above the partition that was named), called text (what watch would have the log call that), plain
-- boolean (nothing in the log's schema says by what the log is written), remembers boolean (it is
-- written down here which tables are watched, and this role may read that); one row for each name
-- of a table in the log, one at least for each name.
WITH given AS MATERIALIZED (
       SELECT u.place::int AS place, u.exact, u.log_table, coalesce(u.log_schema, @schema_name@)
                AS log_schema, pg_catalog.parse_ident(u.sql) AS parts
         FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]),
                         pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[]))
                WITH ORDINALITY AS u(exact, sql, log_schema, log_table, place)),
     home AS MATERIALIZED (
       SELECT o.oid,
              NOT EXISTS (SELECT FROM pg_catalog.pg_proc p
                           WHERE p.proname IN ('forge_capture_insert', 'forge_notify_change')
                             AND p.pronamespace = o.oid) AS plain,
              EXISTS (SELECT FROM pg_catalog.pg_class w
                       WHERE w.relname = 'forge_change_log_watches' AND w.relnamespace = o.oid
                         AND pg_catalog.has_schema_privilege(o.oid, 'USAGE')
                         AND pg_catalog.has_table_privilege(w.oid, 'SELECT')) AS remembers
         FROM pg_catalog.pg_namespace o WHERE o.nspname = @schema_name@),
     -- What the log calls a table means that table, whatever SQL would read in it.
     found AS MATERIALIZED (
       SELECT g.*,
              coalesce((SELECT x.oid FROM pg_catalog.pg_class x
                          JOIN pg_catalog.pg_namespace y ON y.oid = x.relnamespace
                         WHERE x.relname = g.log_table AND y.nspname = g.log_schema
                           AND EXISTS (SELECT @captures@ WHERE t.tgrelid = x.oid)),
                       @named_table@) AS oid
         FROM given g CROSS JOIN home)
SELECT g.place, g.oid::bigint AS oid, m.quoted, coalesce(m.name, @spelled_name@) AS spelled,
       k.name, k.relation::bigint AS relation, k.called, home.plain, home.remembers
  FROM found g
 CROSS JOIN home
  LEFT JOIN LATERAL (
         SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted, @table_name@ AS name
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid = g.oid LIMIT 1) m ON true
  LEFT JOIN LATERAL (
         -- Triggers of our own speak for the table that they were put on, also on its partitions.
         -- Each LIMIT has the planner look up one table after the other: it expects thousands.
         SELECT s.oid AS relation, s.name, s.name AS called
           FROM (SELECT g.oid AS relid UNION
                 SELECT a.relid::oid FROM pg_catalog.pg_partition_ancestors(g.oid) a) above
          CROSS JOIN LATERAL (
                  SELECT c.oid, @table_name@ AS name
                    FROM pg_catalog.pg_class c
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = above.relid LIMIT 1) s
          CROSS JOIN LATERAL (
                  SELECT @captures@ WHERE t.tgrelid = above.relid AND t.tgparentid = 0::oid
                           AND @is_own_capture@ LIMIT 1) w
          UNION
         -- Those of others call it as they like: by its bare name as a rule, each partition too.
         SELECT s.oid, v.name, s.name
           FROM (SELECT g.oid AS relid UNION
                 SELECT b.relid::oid FROM pg_catalog.pg_partition_tree(g.oid) b) below
          CROSS JOIN LATERAL (
                  SELECT @captures@ WHERE t.tgrelid = below.relid AND NOT @is_own_capture@
                   LIMIT 1) w
          CROSS JOIN LATERAL (
                  SELECT c.oid, c.relname, @table_name@ AS name
                    FROM pg_catalog.pg_class c
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = below.relid LIMIT 1) s
          CROSS JOIN LATERAL (VALUES (s.name), (s.relname::text)) AS v(name)) k
    ON true
 ORDER BY g.place, k.name;
