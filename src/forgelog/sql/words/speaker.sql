-- The oid of the table under whose name the changes of g = a row with the column oid, a table's,
-- are logged: the topmost watched table above it where it is a partition, or else itself. Over
-- home = a row with the column oid, the log's schema.
coalesce(
  (SELECT a.relid::oid
     FROM pg_catalog.pg_partition_ancestors(g.oid) WITH ORDINALITY AS a(relid, place)
    WHERE EXISTS (SELECT @captures@ WHERE t.tgrelid = a.relid::oid AND t.tgparentid = 0::oid
                     AND @is_own_capture@)
    ORDER BY a.place DESC LIMIT 1), g.oid)
