-- The trim for cron and psql. Programs use `trim` of the library instead, which works in short
-- transactions and keeps a floor of rows. Both delete the old changes at the beginning of the log,
-- up to the first one that is not old. A change whose time is still to come says nothing of its
-- age, since a clock was set back after it: it goes with the old one that follows it.
CREATE OR REPLACE FUNCTION @schema@.forge_trim_change_log(interval DEFAULT '1 hour') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $forge$
-- forgelog
DECLARE
  now timestamptz := clock_timestamp();
  empty bigint := 0;
  young bigint;
  stop bigint;
  deleted bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(@trimmer@) THEN RETURN 0; END IF;
  IF has_table_privilege('@schema_text@.forge_change_log_state', 'SELECT') THEN
    SELECT empty_to INTO empty FROM @schema@.forge_change_log_state ORDER BY one DESC LIMIT 1;
  END IF;
  SELECT seq INTO young FROM @schema@.forge_change_log
   WHERE seq > empty AND created_at >= now - $1 AND created_at <= now ORDER BY seq LIMIT 1;
  SELECT seq INTO stop FROM @schema@.forge_change_log
   WHERE seq > empty AND (young IS NULL OR seq < young) AND created_at < now - $1
   ORDER BY seq DESC LIMIT 1;
  DELETE FROM @schema@.forge_change_log WHERE seq > empty AND seq <= stop;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $forge$;
COMMENT ON FUNCTION @schema@.forge_trim_change_log(interval) IS 'forgelog @version@';
