-- Which backfills b are meant by a consumer's name ($1), a table's oid ($2; NULL: not known) and
-- its name in the log ($3): those of all its lanes.
b.consumer IN (
  SELECT CASE WHEN i = 0 THEN own.name ELSE own.name || '#' || i || '/' || own.lanes END
    FROM @schema@.forge_change_log_consumers own
   CROSS JOIN LATERAL pg_catalog.generate_series(0, coalesce(own.lanes, 0)) i
   WHERE own.name = $1)
AND (b.relation = $2::bigint::oid OR b.table_name = $3)
