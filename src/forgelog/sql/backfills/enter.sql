-- Has a consumer read tables from their beginning; also again, where it was doing so. Of a
-- partition the watched table above it is read. A table that is gone is left out.
-- Parameters: $1 text (the name of the consumer's row), $2 bigint[] (oids of the tables; NULL: not
-- known), $3 text[] (their names, where the oid is not known), $4 boolean (the consumer is to be
-- told first that what it has of them may be stale; then no pause keeps it from that).
-- Columns: none.
WITH wanted AS (
       SELECT DISTINCT ON (name) coalesce(@logged_as@, w.name) AS name, w.relation
         FROM (SELECT (SELECT @speaker@) AS relation, g.name
                 FROM (SELECT u.relation::oid AS oid, u.name
                         FROM ROWS FROM (pg_catalog.unnest($2::bigint[]),
                                         pg_catalog.unnest($3::text[])) AS u(relation, name)) g,
                      (SELECT o.oid FROM pg_catalog.pg_namespace o
                        WHERE o.nspname = @schema_name@) home) w),
     others AS (
       DELETE FROM @schema@.forge_change_log_backfills b USING wanted w
        WHERE b.consumer = $1 AND b.relation = w.relation AND b.table_name <> w.name)
INSERT INTO @schema@.forge_change_log_backfills AS b (consumer, table_name, relation, reload)
SELECT $1, w.name, w.relation, $4::boolean FROM wanted w WHERE w.name IS NOT NULL
    ON CONFLICT (consumer, table_name) DO UPDATE
   SET relation = excluded.relation, reload = b.reload OR excluded.reload, after = NULL, key = NULL,
       rows = 0, paused = b.paused AND NOT excluded.reload,
       asked_at = pg_catalog.clock_timestamp(), started_at = NULL, updated_at = NULL;
