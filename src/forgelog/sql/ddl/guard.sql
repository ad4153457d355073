-- The functions behind the triggers on the log itself: they keep count of what is deleted from it,
-- by whomever. deleted has each seq that was deleted, trimmed_to the highest of them. empty_to is
-- the seq up to which there is nothing and will be nothing: there readers begin. timelines has
-- those on which this was kept, except the first: they are behind the server in its history; 0 is
-- one that the server did not tell.
CREATE OR REPLACE FUNCTION @schema@.forge_log_sequence() RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $forge$
  SELECT q.seqrelid FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'
   CROSS JOIN LATERAL (@log_sequence@) AS s(oid)
    JOIN pg_sequence q ON q.seqrelid = s.oid
   WHERE c.oid = to_regclass('@schema_text@.forge_change_log')
   LIMIT 1
$forge$;

-- The timelines behind a deletion on the present one.
CREATE OR REPLACE FUNCTION @schema@.forge_log_timelines(known int[]) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $forge$
DECLARE
  present int := 0; -- not every server has these functions, or lets everybody ask
BEGIN
  BEGIN
    present := ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int;
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  RETURN CASE WHEN present = 1 OR present = ANY (known) THEN known ELSE known || present END;
END $forge$;

-- Each deletion writes the state's row anew, and beside a snapshot that is held none of its
-- versions can be removed. So the row is found by its index, read from behind, where the newest
-- version is.
--
-- What can still appear is found by the rule of the horizon, as a follower does it from tick to
-- tick, here from one deletion to the next: seen_to was given before the writers were looked at, so
-- a writer that is new since then has only seqs above it. The transaction that deletes is no
-- stranger to itself, but where a trigger of a writer's deletes, a seq may be given and not yet
-- written. Under REPEATABLE READ the log is seen as it was, so nothing is concluded from it.
CREATE OR REPLACE FUNCTION @schema@.forge_log_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  most int := 1000; -- ranges that deleted has at most, where that can be had without a false gap
  lowest bigint;
  highest bigint;
  number bigint;
  gone int8multirange;
  state record;
  sequence oid;
  given bigint;
  writers text[];
  lows bigint[];
  settled bigint;
BEGIN
  SELECT min(o.seq), max(o.seq), count(*) INTO lowest, highest, number FROM old_rows o;
  IF number = 0 THEN RETURN NULL; END IF;
  IF highest - lowest < number THEN
    gone := int8multirange(int8range(lowest, highest, '[]'));
  ELSE
    SELECT range_agg(int8range(o.seq, o.seq, '[]')) INTO gone FROM old_rows o;
  END IF;

  SELECT * INTO state FROM @schema@.forge_change_log_state ORDER BY one DESC LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN
    IF row_security_active('@schema_text@.forge_change_log_state') THEN
      RAISE insufficient_privilege USING
        MESSAGE = 'row level security hides the row of @schema_text@.forge_change_log_state',
        HINT = 'Without it nobody would learn what is deleted from the log: give role '
               || quote_ident(current_user) || ' a policy that hides nothing.';
    END IF;
    RETURN NULL;
  END IF;
  state.deleted := state.deleted + gone;
  state.trimmed_to := greatest(state.trimmed_to, highest);

  sequence := @schema@.forge_log_sequence();
  given := CASE WHEN has_sequence_privilege(sequence, 'USAGE, SELECT')
                THEN pg_sequence_last_value(sequence) END;
  given := coalesce(given, 0);
  SELECT array_agg(w.id), array_agg(w.low), least(min(w.low), given)
    INTO writers, lows, settled
    FROM (SELECT DISTINCT ON (l.virtualtransaction) l.virtualtransaction AS id,
                 CASE WHEN l.pid = pg_backend_pid() THEN 0
                      WHEN k.low IS NOT NULL THEN k.low
                      -- A prepared transaction whose server was restarted may be any of them.
                      WHEN l.virtualtransaction LIKE '-1/%'
                      THEN (SELECT least(min(p.low), state.seen_to)
                              FROM unnest(state.seen_lows) p(low))
                      ELSE state.seen_to END AS low
            FROM pg_locks l
            LEFT JOIN unnest(state.seen_writers, state.seen_lows) k(id, low)
                   ON k.id = l.virtualtransaction
           WHERE @is_writer@ AND (l.pid IS DISTINCT FROM pg_backend_pid() OR pg_trigger_depth() > 1)
         ) w;

  IF current_setting('transaction_isolation') LIKE 'read %'
     AND has_table_privilege('@schema_text@.forge_change_log', 'SELECT')
     AND NOT row_security_active('@schema_text@.forge_change_log')
     AND least(settled, state.trimmed_to) > state.empty_to THEN
    settled := least(settled, state.trimmed_to);
    SELECT coalesce(min(l.seq) - 1, settled) INTO state.empty_to
      FROM @schema@.forge_change_log l WHERE l.seq > state.empty_to AND l.seq <= settled;
  END IF;

  IF (SELECT count(*) FROM unnest(state.deleted)) > most THEN
    -- Of the lower half, what is settled becomes one range. Where that is not enough, so does all
    -- but the newest, holes and all: better a gap that is none than no end of ranges.
    SELECT lower(r) INTO lowest
      FROM unnest(state.deleted) r ORDER BY r DESC OFFSET most / 2 LIMIT 1;
    state.deleted := state.deleted
      + int8multirange(int8range(1, greatest(least(lowest, state.empty_to + 1), 1)));
    IF (SELECT count(*) FROM unnest(state.deleted)) > 4 * most THEN
      state.deleted := state.deleted + int8multirange(int8range(lower(state.deleted), lowest));
    END IF;
  END IF;

  UPDATE @schema@.forge_change_log_state
     SET trimmed_to = state.trimmed_to, deleted = state.deleted, empty_to = state.empty_to,
         seen_to = given, seen_writers = writers, seen_lows = lows,
         timelines = @schema@.forge_log_timelines(state.timelines)
   WHERE ctid = (SELECT s.ctid FROM @schema@.forge_change_log_state s ORDER BY s.one DESC LIMIT 1);
  RETURN NULL;
END forge $forge$;

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
    given := greatest(given, (SELECT max(seq) FROM @schema@.forge_change_log),
                      (SELECT trimmed_to FROM @schema@.forge_change_log_state));
    UPDATE @schema@.forge_change_log_state
       SET trimmed_to = given, empty_to = given, seen_to = given,
           deleted = int8multirange(int8range(1, given + 1)),
           seen_writers = NULL, seen_lows = NULL,
           timelines = @schema@.forge_log_timelines(timelines);
    IF NOT FOUND AND row_security_active('@schema_text@.forge_change_log_state') THEN
      RAISE insufficient_privilege USING
        MESSAGE = 'row level security hides the row of @schema_text@.forge_change_log_state';
    END IF;
  ELSE
    SELECT trimmed_to INTO trimmed FROM @schema@.forge_change_log_state;
    IF given < trimmed THEN PERFORM setval(sequence, trimmed); END IF;
  END IF;
  RETURN NULL;
END $forge$;

REVOKE EXECUTE ON FUNCTION @schema@.forge_log_deleted(), @schema@.forge_log_truncated() FROM PUBLIC;
COMMENT ON FUNCTION @schema@.forge_log_timelines(int[]) IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_log_sequence() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_log_deleted() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_log_truncated() IS 'forgelog @version@';
