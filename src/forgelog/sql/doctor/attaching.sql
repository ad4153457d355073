-- Which roles own partitioned tables whose changes are logged, and may not create or attach
-- partitions there.
-- Parameters: none.
-- Columns: quoted text (the first such table of the role), trigger, called (its function), owner
-- text (all as SQL names).
SELECT min(pg_catalog.format('%I.%I', n.nspname, c.relname)) AS quoted,
       pg_catalog.quote_ident(t.tgname) AS "trigger",
       pg_catalog.format('%I.%I()', h.nspname, p.proname) AS called,
       pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o.owner)) AS owner
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
   AND p.proname ~ '^forge_(capture_row(_[0-9]+)?|notify_change)$'
  JOIN pg_catalog.pg_namespace h ON h.oid = p.pronamespace AND h.nspname = @schema_name@
 CROSS JOIN LATERAL (@may_not_attach@) o
  JOIN pg_catalog.pg_class c ON c.oid = o.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgparentid = 0::oid
 GROUP BY t.oid, t.tgname, h.nspname, p.proname, o.owner
 ORDER BY 1, 2, 4;
