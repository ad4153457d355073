-- For cron and psql; programs trim in short transactions and keep a floor of rows.
CREATE OR REPLACE FUNCTION @schema@.forge_trim_change_log(interval DEFAULT '1 hour') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $forge$
-- forgelog
DECLARE
  deleted bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(77306496745475) THEN RETURN 0; END IF;
  DELETE FROM @schema@.forge_change_log WHERE created_at < clock_timestamp() - $1;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $forge$;
COMMENT ON FUNCTION @schema@.forge_trim_change_log(interval) IS 'forgelog @version@';
