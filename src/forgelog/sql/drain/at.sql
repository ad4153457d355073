-- The first change, in the order of the seqs, that was written at or after a time. Times do not
-- ascend with the seqs, since clocks are set back and writers go on side by side: so it walks, up
-- to the first one. A change that does not say when it was written may be of any time.
-- Parameters: $1 bigint (the seq above which the log begins), $2 float8 (Unix seconds).
-- Columns: first bigint and first_at numeric (its seq, and its time in Unix seconds; NULL: there is
-- none), before bigint (the seq of the change before it, of the last one where there is none; 0: no
-- change is before it), future boolean (whether the time is still to come).
WITH first AS MATERIALIZED (
       SELECT seq, created_at FROM @schema@.forge_change_log
        WHERE seq > $1::bigint AND (created_at < pg_catalog.to_timestamp($2::float8)) IS NOT TRUE
        ORDER BY seq LIMIT 1)
SELECT (SELECT seq::bigint FROM first) AS first,
       (SELECT extract(epoch FROM created_at) FROM first) AS first_at,
       coalesce((SELECT seq::bigint FROM @schema@.forge_change_log
                  WHERE seq > $1::bigint
                    AND seq < coalesce((SELECT seq FROM first), 9223372036854775807)
                  ORDER BY seq DESC LIMIT 1), 0) AS before,
       pg_catalog.to_timestamp($2::float8) > pg_catalog.clock_timestamp() AS future;
