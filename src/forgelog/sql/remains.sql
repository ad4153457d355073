-- What a trimmer needs to tell, with the rights it has: the server's clock, and what the log holds (rows up to 100,001).
SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8 AS now,
       (SELECT count(*) FROM (SELECT FROM @schema@.forge_change_log LIMIT 100001) f) AS rows,
       (SELECT min(seq)::bigint FROM @schema@.forge_change_log) AS first,
       (SELECT max(seq)::bigint FROM @schema@.forge_change_log) AS last
