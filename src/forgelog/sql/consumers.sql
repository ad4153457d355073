-- The consumers that keep their position in the table store: what each has not been handed out (`rows`, counted
-- up to 10,001; `most`, an upper bound) and since when, and which session runs it. `handed` are the ranges above its seq.
SELECT c.name, c.position, p.seq, extract(epoch FROM c.updated_at)::float8 AS updated_at,
       waiting.rows, greatest(newest.seq - greatest(p.seq, $1::bigint)
         - coalesce((SELECT sum(upper(r) - lower(r)) FROM pg_catalog.unnest(p.handed) r), 0), 0)::bigint AS most,
       extract(epoch FROM pg_catalog.clock_timestamp() - waiting.first)::float8 AS lag_seconds, l.pid, a.application_name
  FROM @schema@.forge_change_log_consumers c
 CROSS JOIN LATERAL (
         SELECT substring(c.position FROM '^(?:[0-9]+:)?([0-9]+)')::bigint AS seq,
                ('{' || coalesce(pg_catalog.regexp_replace(pg_catalog.regexp_replace(
                   substring(c.position FROM '^[0-9]+:[0-9]+:(.*)$'), '(^|,)(\d+)(?=,|$)', '\1\2-\2', 'g'),
                   '(\d+)-(\d+)', '[\1,\2]', 'g'), '') || '}')::int8multirange AS handed) p
 CROSS JOIN (SELECT coalesce(max(seq), 0)::bigint AS seq FROM @schema@.forge_change_log) newest
 CROSS JOIN LATERAL (
         SELECT count(*) AS rows, min(w.created_at) AS first
           FROM (SELECT created_at FROM @schema@.forge_change_log
                  WHERE seq > p.seq AND NOT seq <@ p.handed ORDER BY seq LIMIT 10001) w) waiting
  LEFT JOIN pg_catalog.pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 1179603527
   AND l.objid::bigint = pg_catalog.hashtext('@schema_text@.forge_change_log'::pg_catalog.regclass::oid::text || c.name)::bigint
                         & 4294967295
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 ORDER BY c.name
