-- The log and the capture of whole statements as the first edition installed them with hstore
-- (30f0840), to measure against: first_edition.watch(table) and first_edition.unwatch(table).
-- Without the triggers on the log itself, which no writer meets.
CREATE SCHEMA first_edition;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;

CREATE TABLE first_edition.forge_change_log (
  seq bigserial PRIMARY KEY,
  table_name text NOT NULL,
  op text NOT NULL,
  row_id text,
  changed_cols text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON first_edition.forge_change_log (created_at);

CREATE FUNCTION first_edition.forge_key(oid) RETURNS text[]
LANGUAGE plpgsql STABLE AS $forge$
BEGIN
  RETURN ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i
                CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts
                ORDER BY k.place);
END $forge$;

CREATE FUNCTION first_edition.forge_row_id(jsonb, text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $forge$
BEGIN
  IF pg_catalog.cardinality($2) < 2 THEN RETURN $1 ->> $2[1]; END IF;
  RETURN (SELECT pg_catalog.jsonb_agg($1 -> k.name ORDER BY k.place)::text
            FROM pg_catalog.unnest($2) WITH ORDINALITY AS k(name, place));
END $forge$;

CREATE FUNCTION first_edition.forge_capture_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  name text := CASE TG_TABLE_SCHEMA WHEN 'first_edition' THEN '' ELSE TG_TABLE_SCHEMA || '.' END
    || TG_TABLE_NAME;
  keys text[] := first_edition.forge_key(TG_RELID);
BEGIN
  INSERT INTO first_edition.forge_change_log (table_name, op, row_id, created_at)
  SELECT forge.name, 'INSERT', first_edition.forge_row_id(r.now_row, forge.keys), clock_timestamp()
    FROM (SELECT to_jsonb(n.*) AS now_row FROM new_rows n) r;
  IF FOUND AND TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $forge$;

CREATE FUNCTION first_edition.forge_capture_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  name text := CASE TG_TABLE_SCHEMA WHEN 'first_edition' THEN '' ELSE TG_TABLE_SCHEMA || '.' END
    || TG_TABLE_NAME;
  keys text[] := first_edition.forge_key(TG_RELID);
BEGIN
  INSERT INTO first_edition.forge_change_log (table_name, op, row_id, created_at)
  SELECT forge.name, 'DELETE', first_edition.forge_row_id(r.was_row, forge.keys), clock_timestamp()
    FROM (SELECT to_jsonb(o.*) AS was_row FROM old_rows o) r;
  IF FOUND AND TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $forge$;

-- The literal 'public.akeys'::regproc becomes a number when the statement is parsed, as the number
-- was that install wrote here.
CREATE FUNCTION first_edition.forge_capture_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  name text := CASE TG_TABLE_SCHEMA WHEN 'first_edition' THEN '' ELSE TG_TABLE_SCHEMA || '.' END
    || TG_TABLE_NAME;
  ignored text[] := TG_ARGV[1:];
  key text;
  keys text[];
  plain boolean;
BEGIN
  SELECT a.attname, i.indnkeyatts = 1 AND a.atttypid = ANY ('{20,21,23,25,1043,1700,2950}')
    INTO forge.key, forge.plain
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
   WHERE i.indrelid = TG_RELID AND i.indisprimary;

  IF plain IS NOT FALSE AND to_regproc('public.akeys') = 'public.akeys'::regproc THEN
    INSERT INTO first_edition.forge_change_log (table_name, op, row_id, changed_cols, created_at)
    SELECT forge.name, 'UPDATE', r.id, nullif(array_to_string(r.cols, ','), ''), clock_timestamp()
      FROM (SELECT p.was_row OPERATOR(public.->) forge.key AS was_id,
                   p.now_row OPERATOR(public.->) forge.key AS id,
                   public.akeys(p.now_row OPERATOR(public.-) p.was_row) AS cols
              FROM (SELECT public.hstore(o.*) AS was_row, public.hstore(n.*) AS now_row
                      FROM old_rows o, new_rows n OFFSET 0) p
             WHERE NOT EXISTS (SELECT FROM new_rows OFFSET 1)) r
     WHERE r.was_id IS NOT DISTINCT FROM r.id AND (r.cols = '{}' OR NOT r.cols <@ forge.ignored);
    IF NOT FOUND THEN
      INSERT INTO first_edition.forge_change_log (table_name, op, row_id, changed_cols, created_at)
      SELECT forge.name,
             CASE WHEN NOT r.moved THEN 'UPDATE' WHEN s.step = 1 THEN 'DELETE' ELSE 'INSERT' END,
             CASE s.step WHEN 1 THEN r.was_id ELSE r.id END,
             CASE WHEN NOT r.moved THEN nullif(array_to_string(r.cols, ','), '') END,
             clock_timestamp()
        FROM (SELECT p.*, p.was_id IS DISTINCT FROM p.id AS moved
                FROM (SELECT place, w.was_row OPERATOR(public.->) forge.key AS was_id,
                             i.now_row OPERATOR(public.->) forge.key AS id,
                             public.akeys(i.now_row OPERATOR(public.-) w.was_row) AS cols
                        FROM (SELECT row_number() OVER () AS place, public.hstore(o.*) AS was_row
                                FROM old_rows o) w
                        FULL JOIN (SELECT row_number() OVER () AS place,
                                          public.hstore(n.*) AS now_row FROM new_rows n) i
                       USING (place) OFFSET 0) p) r
        JOIN (SELECT 1 AS step UNION ALL SELECT 2) s ON s.step = 2 OR r.moved
       WHERE r.moved OR r.cols = '{}' OR NOT r.cols <@ forge.ignored
       ORDER BY s.step, r.place;
    END IF;
  ELSE
    keys := first_edition.forge_key(TG_RELID);
    INSERT INTO first_edition.forge_change_log (table_name, op, row_id, changed_cols, created_at)
    SELECT forge.name,
           CASE WHEN NOT r.moved THEN 'UPDATE' WHEN s.step = 1 THEN 'DELETE' ELSE 'INSERT' END,
           CASE s.step WHEN 1 THEN r.was_id ELSE r.id END,
           CASE WHEN NOT r.moved THEN nullif(array_to_string(r.cols, ','), '') END,
           clock_timestamp()
      FROM (SELECT p.*, p.was_id IS DISTINCT FROM p.id AS moved
              FROM (SELECT place, first_edition.forge_row_id(w.was_row, forge.keys) AS was_id,
                           first_edition.forge_row_id(i.now_row, forge.keys) AS id,
                           ARRAY(SELECT e.key FROM jsonb_each_text(i.now_row) e
                                  WHERE e.value IS DISTINCT FROM w.was_row ->> e.key) AS cols
                      FROM (SELECT row_number() OVER () AS place, to_jsonb(o.*) AS was_row
                              FROM old_rows o) w
                      FULL JOIN (SELECT row_number() OVER () AS place, to_jsonb(n.*) AS now_row
                                   FROM new_rows n) i
                     USING (place) OFFSET 0) p) r
      JOIN (SELECT 1 AS step UNION ALL SELECT 2) s ON s.step = 2 OR r.moved
     WHERE r.moved OR r.cols = '{}' OR NOT r.cols <@ forge.ignored
     ORDER BY s.step, r.place;
  END IF;

  IF FOUND AND TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $forge$;

CREATE FUNCTION first_edition.watch(regclass) RETURNS void LANGUAGE plpgsql AS $forge$
BEGIN
  EXECUTE format('CREATE TRIGGER first_edition_insert AFTER INSERT ON %s'
    ' REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT'
    ' EXECUTE FUNCTION first_edition.forge_capture_insert(''notify'')', $1);
  EXECUTE format('CREATE TRIGGER first_edition_update AFTER UPDATE ON %s'
    ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT'
    ' EXECUTE FUNCTION first_edition.forge_capture_update(''notify'')', $1);
  EXECUTE format('CREATE TRIGGER first_edition_delete AFTER DELETE ON %s'
    ' REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'
    ' EXECUTE FUNCTION first_edition.forge_capture_delete(''notify'')', $1);
END $forge$;

CREATE FUNCTION first_edition.unwatch(regclass) RETURNS void LANGUAGE plpgsql AS $forge$
BEGIN
  EXECUTE format('DROP TRIGGER first_edition_insert ON %s', $1);
  EXECUTE format('DROP TRIGGER first_edition_update ON %s', $1);
  EXECUTE format('DROP TRIGGER first_edition_delete ON %s', $1);
END $forge$;
