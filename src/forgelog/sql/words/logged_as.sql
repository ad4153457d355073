-- What the log calls the table w.relation (an oid), which for a partition is the name of the
-- watched table above it; NULL where there is no such table.
(SELECT @table_name@
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = (SELECT @speaker@
                   FROM (SELECT w.relation AS oid) g,
                        (SELECT o.oid FROM pg_catalog.pg_namespace o
                          WHERE o.nspname = @schema_name@) home))
