-- The next rows of a table behind a key. Nothing is returned where the table is not any more what
-- the statement was made for: the table is locked when it is planned, and what it is then is read
-- when it runs.
-- Parameters: none; words stand for the parts that forgelog.rows.statement makes.
-- Columns: row_id text, created_at float8 (Unix seconds), omitted text (the places of the kept
-- columns that were left out, separated by commas), v1, v2 ... text (the kept values).
SELECT @row_id@ AS row_id,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.float8 AS created_at@kept@
  FROM @table@ r
 WHERE (SELECT @rows_shape@ FROM pg_catalog.pg_class t WHERE t.oid = @relation@) = @shape@
   AND @behind@
 ORDER BY @order@
 LIMIT @most@
