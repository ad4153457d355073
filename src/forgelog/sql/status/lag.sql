-- How far a consumer is behind: what it has not been delivered, and since when.
-- Parameters: $1 bigint (the seq up to which it was delivered all), $2 text (int8multirange: what
-- it was delivered above that), $3 bigint (the seq up to which the log is empty), $4 bigint (the
-- number of changes up to which they are counted).
-- Columns: counted bigint (at most $4 + 1), most bigint (an upper bound), seconds numeric (the age
-- of the oldest one; NULL: there is none).
SELECT waiting.counted,
       greatest((SELECT coalesce(max(seq), 0) FROM @schema@.forge_change_log)
                  - greatest($1::bigint, $3::bigint)
                  - (SELECT coalesce(sum(upper(r) - lower(r)), 0)
                       FROM pg_catalog.unnest($2::int8multirange) r), 0)::bigint AS most,
       extract(epoch FROM pg_catalog.clock_timestamp() - waiting.first) AS seconds
  FROM (SELECT count(*) AS counted, min(w.created_at) AS first
          FROM (SELECT created_at FROM @schema@.forge_change_log
                 WHERE seq > greatest($1::bigint, $3::bigint)
                   AND NOT seq::bigint <@ $2::int8multirange
                 ORDER BY seq LIMIT $4::bigint + 1) w) waiting;
