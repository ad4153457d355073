-- The functions behind the triggers on the log itself: they keep trimmed_to at the highest seq that
-- was ever deleted, by whomever.
CREATE OR REPLACE FUNCTION @schema@.forge_log_sequence() RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $forge$
  SELECT q.seqrelid FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'
   CROSS JOIN LATERAL (@log_sequence@) AS s(oid)
    JOIN pg_sequence q ON q.seqrelid = s.oid
   WHERE c.oid = to_regclass('@schema_text@.forge_change_log')
   LIMIT 1
$forge$;

CREATE OR REPLACE FUNCTION @schema@.forge_log_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $forge$
BEGIN
  UPDATE @schema@.forge_change_log_state s SET trimmed_to = d.seq
    FROM (SELECT max(o.seq) AS seq FROM old_rows o) d WHERE s.trimmed_to < d.seq;
  RETURN NULL;
END $forge$;

-- TRUNCATE holds every writer off. Before it, the sequence still knows what it gave; after RESTART
-- IDENTITY it would start over at 1, but no seq is ever given twice.
CREATE OR REPLACE FUNCTION @schema@.forge_log_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $forge$
DECLARE
  sequence oid := @schema@.forge_log_sequence();
  given bigint := coalesce(pg_sequence_last_value(sequence), 0);
  trimmed bigint;
BEGIN
  IF TG_WHEN = 'BEFORE' THEN
    UPDATE @schema@.forge_change_log_state
       SET trimmed_to = greatest(trimmed_to, given,
                                 (SELECT max(seq) FROM @schema@.forge_change_log));
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
