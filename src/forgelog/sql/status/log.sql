-- How the log is doing, without reading all of it: beyond a number of rows, which are counted,
-- their number is the planner's estimate.
-- Parameters: $1 bigint (the number of rows up to which they are counted), $2 float8 (seconds: the
-- window over which the write rate is taken), $3 bigint (the seq above which the log begins).
-- Columns: now numeric (Unix seconds), server_version, database, rows bigint (at most $1 + 1),
-- rows_exact boolean, estimate bigint, oldest_age numeric (seconds), recent_seq bigint and
-- recent_age numeric (of the first change within the window; NULL: none), bytes bigint, dead_rows
-- bigint.
SELECT extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       pg_catalog.current_setting('server_version') AS server_version,
       pg_catalog.current_database() AS database,
       few.rows, few.rows <= $1::bigint AS rows_exact,
       (CASE WHEN c.reltuples > 0 AND c.relpages > 0
             THEN c.reltuples / c.relpages
                  * (pg_catalog.pg_relation_size(c.oid)
                     / pg_catalog.current_setting('block_size')::int)
             ELSE s.n_live_tup END)::bigint AS estimate,
       extract(epoch FROM pg_catalog.clock_timestamp() - oldest.at) AS oldest_age,
       recent.seq AS recent_seq,
       extract(epoch FROM pg_catalog.clock_timestamp() - recent.at) AS recent_age,
       pg_catalog.pg_total_relation_size(c.oid) AS bytes, s.n_dead_tup AS dead_rows
  FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
 CROSS JOIN (
         SELECT count(*) AS rows
           FROM (SELECT FROM @schema@.forge_change_log WHERE seq > $3::bigint
                  ORDER BY seq LIMIT $1::bigint + 1) f) few
  LEFT JOIN (SELECT created_at AS at FROM @schema@.forge_change_log
              WHERE seq > $3::bigint ORDER BY seq LIMIT 1) oldest ON true
  LEFT JOIN (
         -- Times ascend with the seqs, so the first change of the window is found by halving.
         WITH RECURSIVE search(before, behind) AS (
                SELECT $3::bigint - 1, max(seq)::bigint FROM @schema@.forge_change_log
                UNION ALL
                SELECT CASE WHEN p.is_recent THEN s.before ELSE p.middle END,
                       CASE WHEN p.is_recent THEN p.middle ELSE s.behind END
                  FROM search s
                 CROSS JOIN LATERAL (
                         SELECT m.middle,
                                coalesce((SELECT l.created_at >= pg_catalog.statement_timestamp()
                                                   - pg_catalog.make_interval(secs => $2::float8)
                                            FROM @schema@.forge_change_log l
                                           WHERE l.seq > m.middle ORDER BY l.seq LIMIT 1),
                                         false) AS is_recent
                           FROM (SELECT s.before + (s.behind - s.before) / 2 AS middle) m) p
                 WHERE s.behind - s.before > 1)
         SELECT l.seq::bigint AS seq, l.created_at AS at FROM @schema@.forge_change_log l
          WHERE l.seq > (SELECT min(behind) FROM search) ORDER BY l.seq LIMIT 1) recent ON true
 WHERE c.oid = @log_oid@;
