-- The log as the originating framework leaves it: no state, a row trigger that notifies per row,
-- and a trimmer without a lock.
CREATE TABLE IF NOT EXISTS forge_change_log (
  seq bigserial PRIMARY KEY,
  table_name text NOT NULL,
  op text NOT NULL,
  row_id text,
  changed_cols text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS forge_change_log_created_at_idx ON forge_change_log (created_at);

CREATE OR REPLACE FUNCTION forge_notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  row_id text;
  cols text;
BEGIN
  IF TG_OP = 'DELETE' THEN
    row_id := to_jsonb(OLD) ->> 'id';
  ELSE
    row_id := to_jsonb(NEW) ->> 'id';
  END IF;
  IF TG_OP = 'UPDATE' THEN
    SELECT string_agg(n.key, ',') INTO cols
      FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o ON o.key = n.key
     WHERE n.value IS DISTINCT FROM o.value;
  END IF;
  INSERT INTO forge_change_log (table_name, op, row_id, changed_cols)
    VALUES (TG_TABLE_NAME, TG_OP, row_id, cols);
  PERFORM pg_notify('forge_changes',
    json_build_object('table', TG_TABLE_NAME, 'op', TG_OP, 'id', row_id, 'cols', cols)::text);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION forge_trim_change_log(max_age interval DEFAULT '1 hour') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  trimmed bigint;
BEGIN
  DELETE FROM forge_change_log WHERE created_at < clock_timestamp() - max_age;
  GET DIAGNOSTICS trimmed = ROW_COUNT;
  RETURN trimmed;
END $$;

CREATE OR REPLACE FUNCTION forge_enable_reactivity(target regclass, mode text DEFAULT 'row')
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TRIGGER IF EXISTS forge_reactivity ON %s', target);
  EXECUTE format('CREATE TRIGGER forge_reactivity AFTER INSERT OR UPDATE OR DELETE ON %s '
    'FOR EACH ROW EXECUTE FUNCTION forge_notify_change()', target);
END $$;

CREATE OR REPLACE FUNCTION forge_disable_reactivity(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TRIGGER IF EXISTS forge_reactivity ON %s', target);
END $$;
