-- The body of the trigger function for TRUNCATE. On a partition it speaks for the watched table
-- above it, and is silent where the statement has just said so, or where none is watched any more.
-- A snapshot that is held does not show what others have logged since: there, it is silent only
-- where the log has given no seq since then.
<<forge>>
DECLARE
  watched oid;
  name text;
  said boolean;
BEGIN
  IF coalesce(to_regnamespace('@schema_text@')::oid, 0) <> @schema_oid@ AND NOT @in_its_schema@ THEN
    @reload@;
    RETURN NULL;
  END IF;
  SELECT a.relid INTO watched FROM pg_partition_ancestors(TG_RELID) WITH ORDINALITY a(relid, place)
    JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgname = 'forge_capture_truncate'
   ORDER BY a.place DESC LIMIT 1;
  IF watched IS NULL AND TG_ARGV[1] = 'partition' THEN
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME) THEN
      RETURN NULL;
    END IF;
    -- The triggers were made after the snapshot of this transaction.
    watched := pg_partition_root(TG_RELID);
  END IF;
  watched := coalesce(watched, TG_RELID);
  SELECT d.name INTO name FROM @schema@.forge_describe(watched) d;
  IF watched <> TG_RELID THEN
    SELECT l.op = 'TRUNCATE' AND l.txid = txid_current()
           AND (current_setting('transaction_isolation') NOT IN ('repeatable read', 'serializable')
                OR l.seq = CASE WHEN has_sequence_privilege(q.oid, 'USAGE, SELECT')
                                THEN pg_sequence_last_value(q.oid::regclass) END) INTO said
      FROM @schema@.forge_change_log l, @schema@.forge_log_sequence() AS q(oid)
     WHERE l.table_name = forge.name
       AND l.seq > (SELECT max(m.seq) - 1000 FROM @schema@.forge_change_log m)
     ORDER BY l.seq DESC LIMIT 1;
    IF said THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO @schema@.forge_change_log (table_name, op, created_at, txid, context)
  VALUES (name, 'TRUNCATE', clock_timestamp(), txid_current(),
          nullif(current_setting('forgelog.context', true), ''));
  IF @bell_is_due@ THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge
