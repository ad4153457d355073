-- What a trimmer says about the log when it is done, with the rights that a trimmer has.
-- Parameters: $1 bigint (the number of rows up to which they are counted), $2 bigint (the seq above
-- which the log begins).
-- Columns: now numeric (Unix seconds by the server's clock), rows bigint (at most $1 + 1), first
-- bigint and last bigint (smallest and largest seq; NULL: the log is empty).
SELECT extract(epoch FROM pg_catalog.clock_timestamp()) AS now,
       (SELECT count(*)
          FROM (SELECT FROM @schema@.forge_change_log
                 WHERE seq > $2::bigint ORDER BY seq LIMIT $1::bigint + 1) f) AS rows,
       (SELECT min(seq)::bigint FROM @schema@.forge_change_log WHERE seq > $2::bigint) AS first,
       (SELECT max(seq)::bigint FROM @schema@.forge_change_log) AS last;
