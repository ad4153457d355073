-- Row-level capture: for partitioned tables, whose partitions get a copy of the trigger, and for
-- triggers attached by hand. A trigger copied to a partition speaks for the table it was put on.
CREATE OR REPLACE FUNCTION @schema@.@function@() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
-- forgelog
<<forge>>
DECLARE
  watched oid;
  name text;
  keys text[];
  was jsonb;
  is_now jsonb;
  was_id text;
  id text;
  cols text[];
  ignored text[] := coalesce(TG_ARGV[1:], '{}');
BEGIN
  SELECT a.relid INTO watched FROM pg_partition_ancestors(TG_RELID) a
    JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgname = TG_NAME AND t.tgparentid = 0 LIMIT 1;
  watched := coalesce(watched, TG_RELID);
  SELECT @table_name@ INTO name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = watched;
  keys := @schema@.forge_key(watched);

  IF TG_OP <> 'INSERT' THEN
    was := to_jsonb(OLD);
    was_id := @schema@.forge_row_id(was, keys);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    is_now := to_jsonb(NEW);
    id := @schema@.forge_row_id(is_now, keys);
  END IF;
  IF TG_OP = 'UPDATE' THEN
    cols := ARRAY(SELECT e.key FROM jsonb_each_text(is_now) e
                   WHERE e.value IS DISTINCT FROM was ->> e.key);
    IF cols <> '{}' AND cols <@ ignored AND was_id IS NOT DISTINCT FROM id THEN RETURN NEW; END IF;
  END IF;

  -- An UPDATE that changes the key is a DELETE of the old row and an INSERT of the new one.
  INSERT INTO @schema@.forge_change_log (table_name, op, row_id, changed_cols, created_at)
  SELECT forge.name, c.op, c.row_id, nullif(c.cols, ''), clock_timestamp()
    FROM (VALUES ('DELETE', was_id, NULL,
                  TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND was_id IS DISTINCT FROM forge.id),
                 ('INSERT', forge.id, NULL,
                  TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND was_id IS DISTINCT FROM forge.id),
                 ('UPDATE', forge.id, array_to_string(forge.cols, ','),
                  TG_OP = 'UPDATE' AND was_id IS NOT DISTINCT FROM forge.id)
         ) AS c(op, row_id, cols, happened)
   WHERE c.happened;

  IF TG_ARGV[0] IS DISTINCT FROM 'quiet' THEN
    @ring_bell@;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END forge $forge$;

REVOKE EXECUTE ON FUNCTION @schema@.@function@() FROM PUBLIC;
COMMENT ON FUNCTION @schema@.@function@() IS 'forgelog @version@';
