-- How the log is doing, without reading all of it: beyond a number of rows, which are counted,
-- their number is the planner's estimate.
-- Parameters: $1 bigint (the number of rows up to which they are counted), $2 float8 (seconds: the
-- window over which the write rate is taken).
-- Columns: now float8 (Unix seconds), server_version, database, rows bigint (at most $1 + 1),
-- rows_exact boolean, estimate bigint, oldest_age float8 (seconds), recent_seq bigint and
-- recent_age float8 (of the first change within the window; NULL: none), bytes bigint, dead_rows
-- bigint.
SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8 AS now,
       pg_catalog.current_setting('server_version') AS server_version,
       pg_catalog.current_database() AS database,
       few.rows, few.rows <= $1::bigint AS rows_exact,
       (CASE WHEN c.reltuples > 0 AND c.relpages > 0
             THEN c.reltuples / c.relpages
                  * (pg_catalog.pg_relation_size(c.oid)
                     / pg_catalog.current_setting('block_size')::int)
             ELSE s.n_live_tup END)::bigint AS estimate,
       extract(epoch FROM pg_catalog.clock_timestamp() - oldest.at)::float8 AS oldest_age,
       recent.seq AS recent_seq,
       extract(epoch FROM pg_catalog.clock_timestamp() - recent.at)::float8 AS recent_age,
       pg_catalog.pg_total_relation_size(c.oid) AS bytes, s.n_dead_tup AS dead_rows
  FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
 CROSS JOIN (
         SELECT count(*) AS rows
           FROM (SELECT FROM @schema@.forge_change_log LIMIT $1::bigint + 1) f) few
 CROSS JOIN (SELECT min(created_at) AS at FROM @schema@.forge_change_log) oldest
  LEFT JOIN (
         SELECT seq::bigint AS seq, created_at AS at FROM @schema@.forge_change_log
          -- clock_timestamp() would not do: with a volatile function the index cannot be searched.
          WHERE created_at >= pg_catalog.statement_timestamp()
                              - pg_catalog.make_interval(secs => $2::float8)
          ORDER BY created_at LIMIT 1) recent ON true
 WHERE c.oid = @log_oid@;
