-- What the capture functions of one table consist of, as the generator makes it for the table as it
-- is now.
-- Parameters: $1 bigint (the table's oid), $2 text (the arguments of its triggers as an SQL array).
-- Columns: shape text (NULL: not known now), then one statement each: insert, delete, one, many,
-- moved (for triggers of statements), row_insert, row_delete, row_update, row_moved (of rows);
-- has_key boolean, schema_oid bigint (of the log's schema), plain boolean (values of the key and
-- kept ones print alike under all settings), and made_by text (the generator and its version).
SELECT @schema@.forge_shape(t.oid) AS shape,
       @schema@.forge_compile(t.oid, 'INSERT', 'all', a.args) AS insert,
       @schema@.forge_compile(t.oid, 'DELETE', 'all', a.args) AS delete,
       @schema@.forge_compile(t.oid, 'UPDATE', 'one', a.args) AS one,
       @schema@.forge_compile(t.oid, 'UPDATE', 'many', a.args) AS many,
       @schema@.forge_compile(t.oid, 'UPDATE', 'moved', a.args) AS moved,
       @schema@.forge_compile(t.oid, 'INSERT', 'row', a.args) AS row_insert,
       @schema@.forge_compile(t.oid, 'DELETE', 'row', a.args) AS row_delete,
       @schema@.forge_compile(t.oid, 'UPDATE', 'row', a.args) AS row_update,
       @schema@.forge_compile(t.oid, 'UPDATE', 'row moved', a.args) AS row_moved,
       pg_catalog.cardinality(d.keys) > 0 AS has_key,
       (SELECT n.oid::bigint FROM pg_catalog.pg_namespace n
         WHERE n.nspname = @schema_name@) AS schema_oid,
       NOT EXISTS (
         SELECT FROM pg_catalog.pg_attribute x JOIN pg_catalog.pg_type y ON y.oid = x.atttypid
          WHERE x.attrelid = t.oid AND x.attnum > 0 AND NOT x.attisdropped
            AND (pg_catalog.quote_ident(x.attname) = ANY (d.keys)
                 OR x.attname = ANY (CASE a.args[2] WHEN 'forgelog 2' THEN a.args[3]::text[] END))
            -- bool "char" name int8 int2 int4 text oid json uuid numeric bpchar varchar jsonb
            AND y.typtype <> 'e'
            AND y.oid <> ALL ('{16,18,19,20,21,23,25,26,114,2950,1700,1042,1043,3802}')) AS plain,
       @made_by@ AS made_by
  FROM (SELECT $1::bigint::oid AS oid) t, (SELECT $2::text[] AS args) a,
       LATERAL @schema@.forge_describe(t.oid) d;
