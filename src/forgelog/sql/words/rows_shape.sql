-- What tells whether a table, its columns, its key or the policies on it have been altered, as
-- text, over t = a row of pg_class: which transactions wrote what the catalog says of them.
pg_catalog.concat_ws(' ', t.xmin, t.relnamespace, pg_catalog.row_security_active(t.oid),
  (SELECT n.xmin FROM pg_catalog.pg_namespace n WHERE n.oid = t.relnamespace),
  (SELECT pg_catalog.string_agg(a.xmin::text, '.' ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0),
  (SELECT pg_catalog.string_agg(pg_catalog.concat(i.indexrelid, '.', i.xmin), '.')
     FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid AND i.indisprimary),
  (SELECT pg_catalog.string_agg(pg_catalog.concat(p.oid, '.', p.xmin), '.' ORDER BY p.oid)
     FROM pg_catalog.pg_policy p WHERE p.polrelid = t.oid))
