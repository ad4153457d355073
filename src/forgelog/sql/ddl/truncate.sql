-- The body of the trigger function for TRUNCATE. On a partition (second argument 'partition') it
-- speaks for the watched table above it, and is silent where the statement has just said so, or
-- where no table above is watched any more.
<<forge>>
DECLARE
  watched oid := TG_RELID;
  name text;
  home text;
  said boolean;
BEGIN
  IF to_regnamespace('@schema_text@') IS NULL THEN
    @reload@;
    RETURN NULL;
  END IF;
  IF TG_ARGV[1] = 'partition' THEN
    SELECT a.relid INTO watched FROM pg_partition_ancestors(TG_RELID) WITH ORDINALITY a(relid, place)
      JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgname = 'forge_capture_truncate'
     ORDER BY a.place DESC LIMIT 1;
    IF watched IS NULL THEN RETURN NULL; END IF;
  END IF;
  SELECT d.name INTO name FROM @schema@.forge_describe(watched) d WHERE NOT d.covered;
  IF name IS NULL THEN RETURN NULL; END IF;
  IF TG_ARGV[1] = 'partition' THEN
    SELECT l.op = 'TRUNCATE' AND l.xmin = pg_current_xact_id()::xid INTO said
      FROM @schema@.forge_change_log l
     WHERE l.table_name = forge.name AND l.created_at >= transaction_timestamp()
     ORDER BY l.seq DESC LIMIT 1;
    IF said THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO @schema@.forge_change_log (table_name, op, created_at, txid, context)
  VALUES (name, 'TRUNCATE', clock_timestamp(), txid_current(),
          nullif(current_setting('forgelog.context', true), ''));
  IF TG_ARGV[0] = 'notify' THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge
