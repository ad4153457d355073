-- How the log is doing. Of its rows no more than 100,001 are looked at: beyond that their number is the planner's
-- estimate. `recent` is a seq at the beginning of the window over which the write rate is taken, `since` how long ago.
SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8 AS now,
       pg_catalog.current_setting('server_version') AS server_version, pg_catalog.current_database() AS database,
       few.rows, few.rows <= 100000 AS rows_exact,
       (CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages
             * (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int)
             ELSE s.n_live_tup END)::bigint AS estimate,
       extract(epoch FROM pg_catalog.clock_timestamp() - oldest.at)::float8 AS oldest_age,
       extract(epoch FROM pg_catalog.clock_timestamp() - recent.at)::float8 AS since, recent.seq AS recent,
       pg_catalog.pg_total_relation_size(c.oid) AS bytes, s.n_dead_tup AS dead_rows
  FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
 CROSS JOIN (SELECT count(*) AS rows FROM (SELECT FROM @schema@.forge_change_log LIMIT 100001) f) few
 CROSS JOIN (SELECT min(created_at) AS at FROM @schema@.forge_change_log) oldest
  LEFT JOIN (SELECT seq::bigint AS seq, created_at AS at FROM @schema@.forge_change_log
              WHERE created_at >= pg_catalog.clock_timestamp() - interval '@window@ seconds'
              ORDER BY created_at LIMIT 1) recent ON true
 WHERE c.oid = '@schema_text@.forge_change_log'::pg_catalog.regclass
