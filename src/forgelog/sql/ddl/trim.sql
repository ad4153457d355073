-- The trim for cron and psql. Programs use `trim` of the library instead, which works in short
-- transactions and keeps a floor of rows.
CREATE OR REPLACE FUNCTION @schema@.forge_trim_change_log(interval DEFAULT '1 hour') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $forge$
-- forgelog
DECLARE
  deleted bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(@trimmer@) THEN RETURN 0; END IF;
  DELETE FROM @schema@.forge_change_log WHERE created_at < clock_timestamp() - $1;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $forge$;
COMMENT ON FUNCTION @schema@.forge_trim_change_log(interval) IS 'forgelog @version@';
