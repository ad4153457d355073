-- Asks a consumer, with all its lanes, to read a table from end to end; also again.
-- Parameters: $1 text (the consumer's name), $2 bigint (the table's oid), $3 text[] (the key behind
-- which it begins; NULL: at the beginning), $4 text (what that key is).
-- Columns: known boolean (whether there is such a consumer), name text (of the table, as in the
-- log), estimate bigint (rows that it may have), whole boolean (it has no primary key).
WITH rows AS (
       SELECT CASE WHEN i = 0 THEN own.name
                   ELSE own.name || '#' || i || '/' || own.lanes END AS name
         FROM @schema@.forge_change_log_consumers own
        CROSS JOIN LATERAL pg_catalog.generate_series((own.lanes IS NOT NULL)::int,
                                                      coalesce(own.lanes, 0)) i
        WHERE own.name = $1),
     wanted AS (
       SELECT @logged_as@ AS name, w.relation FROM (SELECT $2::bigint::oid AS relation) w),
     others AS (
       DELETE FROM @schema@.forge_change_log_backfills b USING wanted w, rows r
        WHERE b.consumer = r.name AND b.relation = w.relation AND b.table_name <> w.name),
     entered AS (
       INSERT INTO @schema@.forge_change_log_backfills AS b
              (consumer, table_name, relation, after, key)
       SELECT r.name, w.name, w.relation, $3::text[], $4 FROM rows r, wanted w
           ON CONFLICT (consumer, table_name) DO UPDATE
          SET relation = excluded.relation, after = excluded.after, key = excluded.key, rows = 0,
              paused = false, asked_at = pg_catalog.clock_timestamp(), started_at = NULL,
              updated_at = NULL
       RETURNING true),
     asked AS (@tell_consumer@ AND (SELECT count(*) FROM entered) > 0 RETURNING true)
SELECT EXISTS (SELECT FROM rows) AS known, b.name, @estimated_rows@ AS estimate,
       NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                    WHERE i.indrelid = b.relation AND i.indisprimary) AS whole
  FROM wanted b;
