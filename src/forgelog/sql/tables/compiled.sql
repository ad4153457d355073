-- What the capture functions of one table consist of, as the generator makes it for the table as it
-- is now.
-- Parameters: $1 bigint (the table's oid), $2 text (the arguments of its triggers as an SQL array).
-- Columns: shape text (NULL: not known now), then one statement each: insert, delete, one, many,
-- moved (for triggers of statements), row_insert, row_delete, row_update, row_moved (of rows); and
-- has_key boolean.
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
       (SELECT pg_catalog.cardinality(d.keys) > 0
          FROM @schema@.forge_describe(t.oid) d) AS has_key
  FROM (SELECT $1::bigint::oid AS oid) t, (SELECT $2::text[] AS args) a;
