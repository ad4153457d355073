-- Watched tables whose triggers call a function that was not made for the table as it is now, or
-- not by the generator that is installed now, or keep an owner from creating and attaching
-- partitions.
-- Parameters: $1 bigint (a table's oid; NULL: all tables).
-- Columns: schema, table.
SELECT n.nspname AS schema, c.relname AS "table"
  FROM (SELECT t.tgrelid, pg_catalog.array_agg(p.prosrc) AS sources,
               pg_catalog.bool_and(p.proname ~ ('_' || t.tgrelid::text || '$')) AS own,
               pg_catalog.bool_or(p.proname ~ '^forge_capture_row' AND EXISTS (@may_not_attach@))
                 AS closed
          FROM pg_catalog.pg_trigger t
          JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
          JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = @schema_name@
         WHERE t.tgparentid = 0::oid
           AND p.proname ~ '^forge_capture_(insert|update|delete|row)(_[0-9]+)?$'
           AND ($1::bigint IS NULL OR t.tgrelid = $1::bigint::oid)
         GROUP BY t.tgrelid) w
 CROSS JOIN LATERAL (SELECT pg_catalog.quote_literal(@schema@.forge_shape(w.tgrelid)) AS shape,
                            @made_by@ AS made_by) now
  JOIN pg_catalog.pg_class c ON c.oid = w.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT w.own OR w.closed
    OR EXISTS (SELECT FROM pg_catalog.unnest(w.sources) s
                WHERE pg_catalog.strpos(s, now.shape) = 0
                   OR pg_catalog.strpos(s, now.made_by || pg_catalog.chr(10)) = 0
                   OR pg_catalog.strpos(s, '@schema_text@.forge_shape(') = 0);
