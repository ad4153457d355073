-- How many changes of each consumer are parked.
-- Parameters: none.
-- Columns: consumer text, parked bigint, waiting bigint (those of them that nobody has tried),
-- seconds numeric (that the oldest has been parked).
SELECT consumer, count(*) AS parked, count(*) FILTER (WHERE waits) AS waiting,
       extract(epoch FROM pg_catalog.clock_timestamp() - min(parked_at)) AS seconds
  FROM @schema@.forge_change_log_parked GROUP BY consumer ORDER BY consumer;
