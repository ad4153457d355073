-- The functions behind the triggers on the log itself: trimmed_to is the highest seq ever deleted, by whomever.
CREATE OR REPLACE FUNCTION @schema@.forge_log_sequence() RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $forge$
  SELECT d.refobjid FROM pg_attribute a JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
      JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = v.oid
      JOIN pg_sequence s ON s.seqrelid = d.refobjid
   WHERE a.attrelid = to_regclass('@schema_text@.forge_change_log') AND a.attname = 'seq'
  UNION ALL
  SELECT d.objid FROM pg_attribute a JOIN pg_depend d ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
   WHERE a.attrelid = to_regclass('@schema_text@.forge_change_log') AND a.attname = 'seq' AND d.deptype = 'i'
   LIMIT 1
$forge$;

CREATE OR REPLACE FUNCTION @schema@.forge_log_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $forge$
BEGIN
  UPDATE @schema@.forge_change_log_state s SET trimmed_to = d.seq
    FROM (SELECT max(o.seq) AS seq FROM old_rows o) d WHERE s.trimmed_to < d.seq;
  RETURN NULL;
END $forge$;

-- TRUNCATE holds every writer off. Before it, the sequence still tells what it gave; after RESTART IDENTITY it starts
-- over at 1, but a seq must never come twice.
CREATE OR REPLACE FUNCTION @schema@.forge_log_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $forge$
DECLARE
  sequence oid := @schema@.forge_log_sequence();
  given bigint := coalesce(pg_sequence_last_value(sequence), 0);
  trimmed bigint;
BEGIN
  IF TG_WHEN = 'BEFORE' THEN
    UPDATE @schema@.forge_change_log_state
       SET trimmed_to = greatest(trimmed_to, given, (SELECT max(seq) FROM @schema@.forge_change_log));
  ELSE
    SELECT trimmed_to INTO trimmed FROM @schema@.forge_change_log_state;
    IF given < trimmed THEN PERFORM setval(sequence, trimmed); END IF;
  END IF;
  RETURN NULL;
END $forge$;

REVOKE EXECUTE ON FUNCTION @schema@.forge_log_deleted(), @schema@.forge_log_truncated() FROM PUBLIC;
COMMENT ON FUNCTION @schema@.forge_log_sequence() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_log_deleted() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_log_truncated() IS 'forgelog @version@';
