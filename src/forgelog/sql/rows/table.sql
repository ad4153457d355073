-- What it takes to read a table in the order of its primary key.
-- Parameters: none; @relation@ stands for the table's oid.
-- Columns: name text (in the log), quoted text, kind "char" (relkind), speaker bigint (the oid of
-- the table that it is logged as), hidden boolean (row level security may hide rows from this
-- role), columns text (those whose values are stored, separated by \001), shape text (see
-- sql/words/rows_shape.sql), and for each column of the key that its changes have, or once as
-- NULLs: place int, number int, "column" text, ident text (quoted), type text, type_oid and
-- collation_oid bigint, is_domain boolean, read_as text (the type to read its text as, for a
-- domain the one below it, whose input runs no check), sorted text (its collation; NULL: none),
-- greater and equal text (the operators of its index; NULL: that is no btree, and has none),
-- checked boolean (there is a domain within that type, whose checks its input runs); no row where
-- the table is gone.
SELECT (SELECT @table_name@
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = s.oid) AS name,
       pg_catalog.format('%I.%I', y.nspname, t.relname) AS quoted, t.relkind AS kind,
       s.oid::bigint AS speaker,
       pg_catalog.row_security_active(t.oid)
         AND EXISTS (SELECT FROM (VALUES ('r')) AS done(command) WHERE @policies_hide@) AS hidden,
       (SELECT coalesce(pg_catalog.string_agg(a.attname::text, pg_catalog.chr(1)
                                              ORDER BY a.attnum), '')
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
           AND a.attgenerated <> 'v') AS columns,
       @rows_shape@ AS shape,
       k.*
  FROM pg_catalog.pg_class t
  JOIN pg_catalog.pg_namespace y ON y.oid = t.relnamespace
 CROSS JOIN LATERAL (
         SELECT @speaker@ AS oid
           FROM (SELECT t.oid) g,
                (SELECT o.oid FROM pg_catalog.pg_namespace o
                  WHERE o.nspname = @schema_name@) home) s
  LEFT JOIN LATERAL (
         SELECT u.place::int AS place, a.attnum::int AS number, a.attname::text AS "column",
                pg_catalog.quote_ident(a.attname) AS ident,
                pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                a.atttypid::bigint AS type_oid, a.attcollation::bigint AS collation_oid,
                b.oid <> a.atttypid AS is_domain,
                pg_catalog.format('%I.%I', bn.nspname, b.typname) AS read_as,
                (SELECT pg_catalog.format('%I.%I', n.nspname, l.collname)
                   FROM pg_catalog.pg_collation l
                   JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
                  WHERE l.oid = a.attcollation) AS sorted,
                w.*,
                EXISTS (
                  WITH RECURSIVE within(oid) AS (
                         SELECT b.oid
                          UNION
                         SELECT p.oid
                           FROM within JOIN pg_catalog.pg_type v ON v.oid = within.oid
                          CROSS JOIN LATERAL (
                                  SELECT v.typelem AS oid
                                   UNION ALL
                                  SELECT v.typbasetype
                                   UNION ALL
                                  SELECT f.atttypid FROM pg_catalog.pg_attribute f
                                   WHERE f.attrelid = v.typrelid AND f.attnum > 0
                                     AND NOT f.attisdropped
                                   UNION ALL
                                  SELECT r.rngsubtype FROM pg_catalog.pg_range r
                                   WHERE v.oid IN (r.rngtypid, r.rngmultitypid)) p
                          WHERE p.oid <> 0::oid)
                  SELECT FROM within JOIN pg_catalog.pg_type v ON v.oid = within.oid
                   WHERE v.typtype = 'd') AS checked
           FROM pg_catalog.pg_index i
          CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(i.indkey::int2[]),
                                        pg_catalog.unnest(i.indclass::oid[]))
                       WITH ORDINALITY AS u(number, class, place)
           JOIN pg_catalog.pg_attribute e ON e.attrelid = i.indrelid AND e.attnum = u.number
           JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = e.attname
          CROSS JOIN LATERAL (
                  WITH RECURSIVE below AS (
                         SELECT v.oid, v.typtype, v.typbasetype FROM pg_catalog.pg_type v
                          WHERE v.oid = a.atttypid
                          UNION ALL
                         SELECT v.oid, v.typtype, v.typbasetype
                           FROM below JOIN pg_catalog.pg_type v ON v.oid = below.typbasetype)
                  SELECT below.oid FROM below WHERE below.typtype <> 'd') base
           JOIN pg_catalog.pg_type b ON b.oid = base.oid
           JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace
          CROSS JOIN LATERAL (
                  SELECT pg_catalog.min(v.spelled) FILTER (WHERE v.strategy = 5) AS greater,
                         pg_catalog.min(v.spelled) FILTER (WHERE v.strategy = 3) AS equal
                    FROM (SELECT m.amopstrategy AS strategy,
                                 pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
                                   AS spelled
                            FROM pg_catalog.pg_opclass h
                            JOIN pg_catalog.pg_am d ON d.oid = h.opcmethod AND d.amname = 'btree'
                            JOIN pg_catalog.pg_amop m ON m.amopfamily = h.opcfamily
                             AND m.amoplefttype = h.opcintype AND m.amoprighttype = h.opcintype
                            JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
                            JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                           WHERE h.oid = u.class) v) w
          WHERE i.indrelid = s.oid AND i.indisprimary AND u.place <= i.indnkeyatts) k ON true
 WHERE t.oid = @relation@
 ORDER BY k.place;
