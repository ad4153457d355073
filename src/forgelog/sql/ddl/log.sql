-- The log, its state, its consumers and the triggers that keep the state. Adds what is missing, and
-- replaces nothing.
DO $forge$
DECLARE
  log_oid oid;
  sequence oid;
  retained bigint;
  guarded boolean;
  counted boolean;
  exact boolean;
  timed boolean;
BEGIN
  IF to_regclass('@schema_text@.forge_change_log') IS NULL THEN
    CREATE TABLE @schema@.forge_change_log (
      seq bigserial PRIMARY KEY,
      table_name text NOT NULL,
      op text NOT NULL,
      row_id text,
      changed_cols text,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      txid bigint,
      context text,
      old_values text[],
      new_values text[],
      kept_cols text,
      key_cols smallint
    );
    REVOKE ALL ON @schema@.forge_change_log FROM PUBLIC;
  END IF;
  log_oid := '@schema_text@.forge_change_log'::regclass;

  IF EXISTS (SELECT FROM pg_class c CROSS JOIN LATERAL (@missing_fields@) m
              WHERE c.oid = log_oid) THEN
    ALTER TABLE @schema@.forge_change_log
      ADD COLUMN IF NOT EXISTS row_id text,
      ADD COLUMN IF NOT EXISTS changed_cols text,
      ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      ADD COLUMN IF NOT EXISTS txid bigint,
      ADD COLUMN IF NOT EXISTS context text,
      ADD COLUMN IF NOT EXISTS old_values text[],
      ADD COLUMN IF NOT EXISTS new_values text[],
      ADD COLUMN IF NOT EXISTS kept_cols text,
      ADD COLUMN IF NOT EXISTS key_cols smallint;
  END IF;

  IF to_regclass('@schema_text@.forge_change_log_state') IS NULL THEN
    CREATE TABLE @schema@.forge_change_log_state (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      trimmed_to bigint NOT NULL,
      version int NOT NULL,
      deleted int8multirange NOT NULL DEFAULT '{}',
      empty_to bigint NOT NULL DEFAULT 0,
      seen_to bigint NOT NULL DEFAULT 0,
      seen_writers text[],
      seen_lows bigint[],
      timelines int[]
    );
    REVOKE ALL ON @schema@.forge_change_log_state FROM PUBLIC;
  END IF;
  IF to_regclass('@schema_text@.forge_change_log_consumers') IS NULL THEN
    CREATE TABLE @schema@.forge_change_log_consumers (
      name text PRIMARY KEY,
      position text,
      updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    REVOKE ALL ON @schema@.forge_change_log_consumers FROM PUBLIC;
  END IF;
  -- Who works for a consumer stands in its row, with the time until which that holds. A lane of a
  -- consumer is a row of its own, named NAME#I/N; how many there are stands in the row NAME. asked
  -- counts what was asked of the consumer from outside.
  IF NOT @consumers_have_leases@ THEN
    ALTER TABLE @schema@.forge_change_log_consumers
      ALTER COLUMN position DROP NOT NULL,
      ADD COLUMN IF NOT EXISTS lanes int,
      ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 0,
      ADD COLUMN IF NOT EXISTS holder text,
      ADD COLUMN IF NOT EXISTS lease_until timestamptz,
      ADD COLUMN IF NOT EXISTS pid int,
      ADD COLUMN IF NOT EXISTS started text,
      ADD COLUMN IF NOT EXISTS paused_at timestamptz,
      ADD COLUMN IF NOT EXISTS asked bigint NOT NULL DEFAULT 0;
  END IF;
  -- Changes that a consumer could not handle, and those of their keys that wait behind them. key is
  -- what they are in order by, in ASCII, of which an index has the beginning; a change of a whole
  -- table has one for each lane. What a backfill has read has no seq. waits: nobody has tried to
  -- handle it. retry: it is to be tried again.
  IF to_regclass('@schema_text@.forge_change_log_parked') IS NULL THEN
    CREATE TABLE @schema@.forge_change_log_parked (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      consumer text NOT NULL,
      seq bigint,
      key text COLLATE "C" NOT NULL,
      table_name text NOT NULL,
      op text NOT NULL,
      row_id text,
      changed_cols text,
      created_at timestamptz,
      txid bigint,
      context text,
      key_cols smallint,
      kept_names text[],
      old_values text[],
      new_values text[],
      omitted text[],
      waits boolean NOT NULL DEFAULT false,
      retry boolean NOT NULL DEFAULT false,
      attempts int NOT NULL DEFAULT 0,
      error text,
      parked_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE UNIQUE INDEX forge_change_log_parked_seq
      ON @schema@.forge_change_log_parked (consumer, seq, pg_catalog.left(key, 200));
    CREATE INDEX forge_change_log_parked_key
      ON @schema@.forge_change_log_parked
        (consumer, pg_catalog.left(key, 200), coalesce(seq, 0), id);
    CREATE INDEX forge_change_log_parked_retry
      ON @schema@.forge_change_log_parked (consumer, id) WHERE retry;
    REVOKE ALL ON @schema@.forge_change_log_parked FROM PUBLIC;
  END IF;
  -- Tables that consumers read from end to end, and how far they are. consumer is the name of a row
  -- of forge_change_log_consumers, after the key of the last row that was handled, key which
  -- columns that is of; reload: it is to be told first that what it has of the table may be stale.
  IF to_regclass('@schema_text@.forge_change_log_backfills') IS NULL THEN
    CREATE TABLE @schema@.forge_change_log_backfills (
      consumer text NOT NULL,
      table_name text NOT NULL,
      relation oid,
      reload boolean NOT NULL DEFAULT false,
      after text[],
      key text,
      rows bigint NOT NULL DEFAULT 0,
      paused boolean NOT NULL DEFAULT false,
      asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      started_at timestamptz,
      updated_at timestamptz,
      PRIMARY KEY (consumer, table_name)
    );
    REVOKE ALL ON @schema@.forge_change_log_backfills FROM PUBLIC;
  END IF;
  -- Which tables were watched, by their triggers as they were then. It says no more than
  -- pg_trigger, which everybody may read.
  IF to_regclass('@schema_text@.forge_change_log_watches') IS NULL THEN
    CREATE TABLE @schema@.forge_change_log_watches (
      relation oid PRIMARY KEY,
      table_name text NOT NULL,
      triggers text NOT NULL,
      watched_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    REVOKE ALL ON @schema@.forge_change_log_watches FROM PUBLIC;
    GRANT SELECT ON @schema@.forge_change_log_watches TO PUBLIC;
  END IF;

  guarded := NOT EXISTS (SELECT FROM pg_class c CROSS JOIN LATERAL (@missing_guards@) m
                          WHERE c.oid = log_oid);
  -- Those of the first edition do not fire under session_replication_role = replica.
  counted := (SELECT count(*) FROM pg_trigger t
               WHERE t.tgrelid = log_oid AND t.tgenabled IN ('O', 'A')
                 AND t.tgname IN ('forge_log_deleted', 'forge_log_truncating',
                                  'forge_log_truncated')) = 3;
  exact := @state_is_exact@;
  timed := @state_has_timelines@;
  sequence := @schema@.forge_log_sequence();
  IF NOT guarded OR NOT exact OR coalesce(pg_sequence_last_value(sequence), 0)
                                   < (SELECT max(seq) FROM @schema@.forge_change_log) THEN
    -- This waits for every open writer and trimmer: what is read below stays true until the commit.
    LOCK TABLE @schema@.forge_change_log IN SHARE ROW EXCLUSIVE MODE;
  END IF;
  IF NOT guarded THEN
    CREATE OR REPLACE TRIGGER forge_log_deleted AFTER DELETE ON @schema@.forge_change_log
      REFERENCING OLD TABLE AS old_rows
      FOR EACH STATEMENT EXECUTE FUNCTION @schema@.forge_log_deleted();
    CREATE OR REPLACE TRIGGER forge_log_truncating BEFORE TRUNCATE ON @schema@.forge_change_log
      FOR EACH STATEMENT EXECUTE FUNCTION @schema@.forge_log_truncated();
    CREATE OR REPLACE TRIGGER forge_log_truncated AFTER TRUNCATE ON @schema@.forge_change_log
      FOR EACH STATEMENT EXECUTE FUNCTION @schema@.forge_log_truncated();
    ALTER TABLE @schema@.forge_change_log ENABLE ALWAYS TRIGGER forge_log_deleted,
      ENABLE ALWAYS TRIGGER forge_log_truncating, ENABLE ALWAYS TRIGGER forge_log_truncated;
  END IF;
  IF NOT exact THEN
    ALTER TABLE @schema@.forge_change_log_state
      ADD COLUMN IF NOT EXISTS deleted int8multirange NOT NULL DEFAULT '{}',
      ADD COLUMN IF NOT EXISTS empty_to bigint NOT NULL DEFAULT 0,
      ADD COLUMN IF NOT EXISTS seen_to bigint NOT NULL DEFAULT 0,
      ADD COLUMN IF NOT EXISTS seen_writers text[],
      ADD COLUMN IF NOT EXISTS seen_lows bigint[];
  END IF;
  IF NOT timed THEN
    ALTER TABLE @schema@.forge_change_log_state ADD COLUMN timelines int[];
  END IF;

  -- The newest changes take the place of trimmed ones, so again and again the end of the file is
  -- empty, and a vacuum would cut it off. For that it locks the log, and every writer waits. Said
  -- once: whoever resets it later, or has said otherwise before, knows better.
  IF NOT EXISTS (SELECT FROM @schema@.forge_change_log_state WHERE version >= 3)
     AND NOT EXISTS (SELECT FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
                      WHERE c.oid = log_oid AND o.option_name = 'vacuum_truncate') THEN
    ALTER TABLE @schema@.forge_change_log SET (vacuum_truncate = off);
  END IF;

  -- Nobody kept count of what was deleted before the triggers stood: at least all below the
  -- smallest seq. Where the triggers stand and the count is lost, everything may have been deleted,
  -- so whoever reads the log has to resync. The first edition knew the highest only, so all below
  -- may be gone. The timeline on which that was deleted is not later than the present one.
  SELECT CASE WHEN counted THEN coalesce(pg_sequence_last_value(sequence), 0)
              ELSE coalesce(min(seq) - 1, pg_sequence_last_value(sequence), 0) END
    INTO retained FROM @schema@.forge_change_log;
  INSERT INTO @schema@.forge_change_log_state AS s (trimmed_to, version, deleted, timelines)
  VALUES (retained, @version@, int8multirange(int8range(1, greatest(retained, 0) + 1)),
          @schema@.forge_log_timelines(NULL))
      ON CONFLICT (one) DO UPDATE SET version = excluded.version,
         trimmed_to = CASE WHEN counted THEN s.trimmed_to
                           ELSE greatest(s.trimmed_to, excluded.trimmed_to) END,
         timelines = CASE WHEN counted AND timed THEN s.timelines
                          ELSE @schema@.forge_log_timelines(s.timelines) END,
         deleted = s.deleted + CASE WHEN counted THEN '{}' ELSE excluded.deleted END
                   + CASE WHEN exact THEN '{}'
                          ELSE int8multirange(int8range(1, greatest(s.trimmed_to, 0) + 1)) END;

  -- A log that was dropped and created again starts over at 1, or somebody has set its sequence
  -- back; but no seq is ever given twice.
  SELECT greatest(s.trimmed_to, (SELECT max(l.seq) FROM @schema@.forge_change_log l)) INTO retained
    FROM @schema@.forge_change_log_state s;
  IF coalesce(pg_sequence_last_value(sequence), 0) < retained THEN
    PERFORM setval(sequence, retained);
  END IF;
END $forge$;
