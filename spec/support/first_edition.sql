-- The log as the first edition (30f0840, without hstore) installed it into schema public, and a
-- function that watches as it did: first_edition_watch(table, list of ignored columns).
SET client_min_messages = warning;
CREATE FUNCTION public.forge_capture_delete() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
<<forge>>
DECLARE
  name text := CASE TG_TABLE_SCHEMA WHEN 'public' THEN '' ELSE TG_TABLE_SCHEMA || '.' END ||
      TG_TABLE_NAME;
  keys text[] := public.forge_key(TG_RELID);
BEGIN
  INSERT INTO public.forge_change_log (table_name, op, row_id, created_at)
  SELECT forge.name, 'DELETE', public.forge_row_id(r.was_row, forge.keys), clock_timestamp()
    FROM (SELECT to_jsonb(o.*) AS was_row FROM old_rows o) r;
  IF FOUND AND TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $$;

COMMENT ON FUNCTION public.forge_capture_delete() IS 'forgelog 1';

CREATE FUNCTION public.forge_capture_insert() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
<<forge>>
DECLARE
  name text := CASE TG_TABLE_SCHEMA WHEN 'public' THEN '' ELSE TG_TABLE_SCHEMA || '.' END ||
      TG_TABLE_NAME;
  keys text[] := public.forge_key(TG_RELID);
BEGIN
  INSERT INTO public.forge_change_log (table_name, op, row_id, created_at)
  SELECT forge.name, 'INSERT', public.forge_row_id(r.now_row, forge.keys), clock_timestamp()
    FROM (SELECT to_jsonb(n.*) AS now_row FROM new_rows n) r;
  IF FOUND AND TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $$;

COMMENT ON FUNCTION public.forge_capture_insert() IS 'forgelog 1';

CREATE FUNCTION public.forge_capture_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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
  SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname INTO name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = watched;
  keys := public.forge_key(watched);

  IF TG_OP <> 'INSERT' THEN was := to_jsonb(OLD); was_id := public.forge_row_id(was, keys); END
      IF;
  IF TG_OP <> 'DELETE' THEN is_now := to_jsonb(NEW); id := public.forge_row_id(is_now, keys); END
      IF;
  IF TG_OP = 'UPDATE' THEN
    cols := ARRAY(SELECT e.key FROM jsonb_each_text(is_now) e WHERE e.value IS DISTINCT FROM was
        ->> e.key);
    IF cols <> '{}' AND cols <@ ignored AND was_id IS NOT DISTINCT FROM id THEN RETURN NEW; END
        IF;
  END IF;

  INSERT INTO public.forge_change_log (table_name, op, row_id, changed_cols, created_at)
  SELECT forge.name, c.op, c.row_id, nullif(c.cols, ''), clock_timestamp()
    FROM (VALUES ('DELETE', was_id, NULL, TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND was_id IS
        DISTINCT FROM forge.id),
                 ('INSERT', forge.id, NULL, TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND was_id IS
                     DISTINCT FROM forge.id),
                 ('UPDATE', forge.id, array_to_string(forge.cols, ','), TG_OP = 'UPDATE' AND
                     was_id IS NOT DISTINCT FROM forge.id)
         ) AS c(op, row_id, cols, happened)
   WHERE c.happened;

  IF TG_ARGV[0] IS DISTINCT FROM 'quiet' AND NOT pg_try_advisory_xact_lock_shared(77306496745662)
      THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END forge $$;

COMMENT ON FUNCTION public.forge_capture_row() IS 'forgelog 1';

CREATE FUNCTION public.forge_capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
<<forge>>
DECLARE
  watched oid := TG_RELID;
  name text;
  said boolean;
BEGIN
  IF TG_ARGV[1] = 'partition' THEN
    SELECT a.relid INTO watched FROM pg_partition_ancestors(TG_RELID) a
      JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgname = 'forge_capture_truncate' LIMIT 1;
    IF watched IS NULL THEN RETURN NULL; END IF;
  END IF;
  SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname INTO name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = watched;
  IF TG_ARGV[1] = 'partition' THEN
    SELECT l.op = 'TRUNCATE' AND l.xmin = pg_current_xact_id()::xid INTO said FROM
        public.forge_change_log l
     WHERE l.table_name = forge.name AND l.created_at >= transaction_timestamp() ORDER BY l.seq
         DESC LIMIT 1;
    IF said THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO public.forge_change_log (table_name, op, created_at) VALUES (name, 'TRUNCATE',
      clock_timestamp());
  IF TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $$;

COMMENT ON FUNCTION public.forge_capture_truncate() IS 'forgelog 1';

CREATE FUNCTION public.forge_capture_update() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
<<forge>>
DECLARE
  name text := CASE TG_TABLE_SCHEMA WHEN 'public' THEN '' ELSE TG_TABLE_SCHEMA || '.' END ||
      TG_TABLE_NAME;
  ignored text[] := TG_ARGV[1:];
  key text;
  keys text[];
  plain boolean;
BEGIN
  SELECT a.attname, i.indnkeyatts = 1 AND a.atttypid = ANY ('{20,21,23,25,1043,1700,2950}')
    INTO forge.key, forge.plain
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
   WHERE i.indrelid = TG_RELID AND i.indisprimary;

  IF plain IS NOT FALSE AND to_regproc('public.akeys') = 0 THEN
    INSERT INTO public.forge_change_log (table_name, op, row_id, changed_cols, created_at)
    SELECT forge.name, 'UPDATE', r.id, nullif(array_to_string(r.cols, ','), ''), clock_timestamp()
      FROM (SELECT p.was_row OPERATOR(public.->) forge.key AS was_id, p.now_row
          OPERATOR(public.->) forge.key AS id,
                   public.akeys(p.now_row OPERATOR(public.-) p.was_row) AS cols
              FROM (SELECT public.hstore(o.*) AS was_row, public.hstore(n.*) AS now_row
                      FROM old_rows o, new_rows n OFFSET 0) p
             WHERE NOT EXISTS (SELECT FROM new_rows OFFSET 1)) r
     WHERE r.was_id IS NOT DISTINCT FROM r.id AND (r.cols = '{}' OR NOT r.cols <@ forge.ignored);
    IF NOT FOUND THEN
      INSERT INTO public.forge_change_log (table_name, op, row_id, changed_cols, created_at)
      SELECT forge.name, CASE WHEN NOT r.moved THEN 'UPDATE' WHEN s.step = 1 THEN 'DELETE' ELSE
          'INSERT' END,
             CASE s.step WHEN 1 THEN r.was_id ELSE r.id END,
             CASE WHEN NOT r.moved THEN nullif(array_to_string(r.cols, ','), '') END,
                 clock_timestamp()
        FROM (SELECT p.*, p.was_id IS DISTINCT FROM p.id AS moved
                FROM (SELECT place, w.was_row OPERATOR(public.->) forge.key AS was_id, i.now_row
                    OPERATOR(public.->) forge.key AS id,
                             public.akeys(i.now_row OPERATOR(public.-) w.was_row) AS cols
                        FROM (SELECT row_number() OVER () AS place, public.hstore(o.*) AS was_row
                            FROM old_rows o) w
                        FULL JOIN (SELECT row_number() OVER () AS place, public.hstore(n.*) AS
                            now_row FROM new_rows n) i
                       USING (place) OFFSET 0) p) r
        JOIN (SELECT 1 AS step UNION ALL SELECT 2) s ON s.step = 2 OR r.moved
       WHERE r.moved OR r.cols = '{}' OR NOT r.cols <@ forge.ignored
       ORDER BY s.step, r.place;
    END IF;
  ELSE
    keys := public.forge_key(TG_RELID);
    INSERT INTO public.forge_change_log (table_name, op, row_id, changed_cols, created_at)
    SELECT forge.name, CASE WHEN NOT r.moved THEN 'UPDATE' WHEN s.step = 1 THEN 'DELETE' ELSE
        'INSERT' END,
           CASE s.step WHEN 1 THEN r.was_id ELSE r.id END,
           CASE WHEN NOT r.moved THEN nullif(array_to_string(r.cols, ','), '') END,
               clock_timestamp()
      FROM (SELECT p.*, p.was_id IS DISTINCT FROM p.id AS moved
              FROM (SELECT place, public.forge_row_id(w.was_row, forge.keys) AS was_id,
                  public.forge_row_id(i.now_row, forge.keys) AS id,
                           ARRAY(SELECT e.key FROM jsonb_each_text(i.now_row) e
                                  WHERE e.value IS DISTINCT FROM w.was_row ->> e.key) AS cols
                      FROM (SELECT row_number() OVER () AS place, to_jsonb(o.*) AS was_row FROM
                          old_rows o) w
                      FULL JOIN (SELECT row_number() OVER () AS place, to_jsonb(n.*) AS now_row
                          FROM new_rows n) i USING (place) OFFSET 0) p) r
      JOIN (SELECT 1 AS step UNION ALL SELECT 2) s ON s.step = 2 OR r.moved
     WHERE r.moved OR r.cols = '{}' OR NOT r.cols <@ forge.ignored
     ORDER BY s.step, r.place;
  END IF;

  IF FOUND AND TG_ARGV[0] = 'notify' AND NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  RETURN NULL;
END forge $$;

COMMENT ON FUNCTION public.forge_capture_update() IS 'forgelog 1 jsonb';

CREATE FUNCTION public.forge_key(oid) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $_$
BEGIN
  RETURN ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i
                CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY
                    k.place);
END $_$;

COMMENT ON FUNCTION public.forge_key(oid) IS 'forgelog 1';

CREATE FUNCTION public.forge_log_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
BEGIN
  UPDATE public.forge_change_log_state s SET trimmed_to = d.seq
    FROM (SELECT max(o.seq) AS seq FROM old_rows o) d WHERE s.trimmed_to < d.seq;
  RETURN NULL;
END $$;

COMMENT ON FUNCTION public.forge_log_deleted() IS 'forgelog 1';

CREATE FUNCTION public.forge_log_sequence() RETURNS oid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT d.refobjid FROM pg_attribute a JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum =
      a.attnum
      JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = v.oid
      JOIN pg_sequence s ON s.seqrelid = d.refobjid
   WHERE a.attrelid = to_regclass('public.forge_change_log') AND a.attname = 'seq'
  UNION ALL
  SELECT d.objid FROM pg_attribute a JOIN pg_depend d ON d.refobjid = a.attrelid AND
      d.refobjsubid = a.attnum
   WHERE a.attrelid = to_regclass('public.forge_change_log') AND a.attname = 'seq' AND d.deptype
       = 'i'
   LIMIT 1
$$;

COMMENT ON FUNCTION public.forge_log_sequence() IS 'forgelog 1';

CREATE FUNCTION public.forge_log_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  sequence oid := public.forge_log_sequence();
  given bigint := coalesce(pg_sequence_last_value(sequence), 0);
  trimmed bigint;
BEGIN
  IF TG_WHEN = 'BEFORE' THEN
    UPDATE public.forge_change_log_state
       SET trimmed_to = greatest(trimmed_to, given, (SELECT max(seq) FROM
           public.forge_change_log));
  ELSE
    SELECT trimmed_to INTO trimmed FROM public.forge_change_log_state;
    IF given < trimmed THEN PERFORM setval(sequence, trimmed); END IF;
  END IF;
  RETURN NULL;
END $$;

COMMENT ON FUNCTION public.forge_log_truncated() IS 'forgelog 1';

CREATE FUNCTION public.forge_notify_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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
  SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname INTO name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = watched;
  keys := public.forge_key(watched);

  IF TG_OP <> 'INSERT' THEN was := to_jsonb(OLD); was_id := public.forge_row_id(was, keys); END
      IF;
  IF TG_OP <> 'DELETE' THEN is_now := to_jsonb(NEW); id := public.forge_row_id(is_now, keys); END
      IF;
  IF TG_OP = 'UPDATE' THEN
    cols := ARRAY(SELECT e.key FROM jsonb_each_text(is_now) e WHERE e.value IS DISTINCT FROM was
        ->> e.key);
    IF cols <> '{}' AND cols <@ ignored AND was_id IS NOT DISTINCT FROM id THEN RETURN NEW; END
        IF;
  END IF;

  INSERT INTO public.forge_change_log (table_name, op, row_id, changed_cols, created_at)
  SELECT forge.name, c.op, c.row_id, nullif(c.cols, ''), clock_timestamp()
    FROM (VALUES ('DELETE', was_id, NULL, TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND was_id IS
        DISTINCT FROM forge.id),
                 ('INSERT', forge.id, NULL, TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND was_id IS
                     DISTINCT FROM forge.id),
                 ('UPDATE', forge.id, array_to_string(forge.cols, ','), TG_OP = 'UPDATE' AND
                     was_id IS NOT DISTINCT FROM forge.id)
         ) AS c(op, row_id, cols, happened)
   WHERE c.happened;

  IF TG_ARGV[0] IS DISTINCT FROM 'quiet' AND NOT pg_try_advisory_xact_lock_shared(77306496745662)
      THEN
    PERFORM pg_notify('forge_changes', '');
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END forge $$;

COMMENT ON FUNCTION public.forge_notify_change() IS 'forgelog 1';

CREATE FUNCTION public.forge_row_id(jsonb, text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
BEGIN
  IF pg_catalog.cardinality($2) < 2 THEN RETURN $1 ->> $2[1]; END IF;
  RETURN (SELECT pg_catalog.jsonb_agg($1 -> k.name ORDER BY k.place)::text
            FROM pg_catalog.unnest($2) WITH ORDINALITY AS k(name, place));
END $_$;

COMMENT ON FUNCTION public.forge_row_id(jsonb, text[]) IS 'forgelog 1';

CREATE FUNCTION public.forge_trim_change_log(interval DEFAULT '01:00:00'::interval) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
-- forgelog
DECLARE
  deleted bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(77306496745475) THEN RETURN 0; END IF;
  DELETE FROM public.forge_change_log WHERE created_at < clock_timestamp() - $1;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $_$;

COMMENT ON FUNCTION public.forge_trim_change_log(interval) IS 'forgelog 1';

CREATE TABLE public.forge_change_log (
    seq bigint NOT NULL,
    table_name text NOT NULL,
    op text NOT NULL,
    row_id text,
    changed_cols text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.forge_change_log_consumers (
    name text NOT NULL,
    "position" text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE SEQUENCE public.forge_change_log_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.forge_change_log_seq_seq OWNED BY public.forge_change_log.seq;

CREATE TABLE public.forge_change_log_state (
    one boolean DEFAULT true NOT NULL,
    trimmed_to bigint NOT NULL,
    version integer NOT NULL,
    CONSTRAINT forge_change_log_state_one_check CHECK (one)
);

ALTER TABLE ONLY public.forge_change_log ALTER COLUMN seq SET DEFAULT
    nextval('public.forge_change_log_seq_seq'::regclass);

ALTER TABLE ONLY public.forge_change_log_consumers
    ADD CONSTRAINT forge_change_log_consumers_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.forge_change_log
    ADD CONSTRAINT forge_change_log_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.forge_change_log_state
    ADD CONSTRAINT forge_change_log_state_pkey PRIMARY KEY (one);

CREATE INDEX forge_change_log_created_at_idx ON public.forge_change_log USING btree (created_at);

CREATE TRIGGER forge_log_deleted AFTER DELETE ON public.forge_change_log REFERENCING OLD TABLE AS
    old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.forge_log_deleted();

CREATE TRIGGER forge_log_truncated AFTER TRUNCATE ON public.forge_change_log FOR EACH STATEMENT
    EXECUTE FUNCTION public.forge_log_truncated();

CREATE TRIGGER forge_log_truncating BEFORE TRUNCATE ON public.forge_change_log FOR EACH STATEMENT
    EXECUTE FUNCTION public.forge_log_truncated();

REVOKE ALL ON FUNCTION public.forge_capture_delete() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_capture_insert() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_capture_row() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_capture_truncate() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_capture_update() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_log_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_log_truncated() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.forge_notify_change() FROM PUBLIC;
INSERT INTO public.forge_change_log_state VALUES (true, 0, 1);
REVOKE ALL ON public.forge_change_log, public.forge_change_log_state,
  public.forge_change_log_consumers FROM PUBLIC;

CREATE FUNCTION public.first_edition_watch(rel regclass, VARIADIC ignored text[] DEFAULT '{}')
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  keys text := (SELECT string_agg(name, chr(1)) FROM unnest(public.forge_key(rel)) name);
  args text := concat_ws(', ', $q$'notify'$q$,
                         (SELECT string_agg(quote_literal(name), ', ') FROM unnest(ignored) name));
  part regclass;
BEGIN
  IF EXISTS (SELECT FROM pg_inherits WHERE inhparent = rel) THEN
    EXECUTE format('CREATE TRIGGER forge_capture_row AFTER INSERT OR UPDATE OR DELETE ON %s '
      'FOR EACH ROW EXECUTE FUNCTION public.forge_capture_row(%s)', rel, args);
  ELSE
    EXECUTE format('CREATE TRIGGER forge_capture_insert AFTER INSERT ON %s REFERENCING '
      'NEW TABLE AS new_rows FOR EACH STATEMENT '
      'EXECUTE FUNCTION public.forge_capture_insert(''notify'')', rel);
    EXECUTE format('CREATE TRIGGER forge_capture_update AFTER UPDATE ON %s REFERENCING '
      'OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT '
      'EXECUTE FUNCTION public.forge_capture_update(%s)', rel, args);
    EXECUTE format('CREATE TRIGGER forge_capture_delete AFTER DELETE ON %s REFERENCING '
      'OLD TABLE AS old_rows FOR EACH STATEMENT '
      'EXECUTE FUNCTION public.forge_capture_delete(''notify'')', rel);
  END IF;
  EXECUTE format('CREATE TRIGGER forge_capture_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT '
    'EXECUTE FUNCTION public.forge_capture_truncate(''notify'', ''key'', %L)', rel, keys);
  FOR part IN SELECT p.relid FROM pg_partition_tree(rel) p WHERE p.relid <> rel LOOP
    EXECUTE format('CREATE TRIGGER forge_capture_truncate_partition AFTER TRUNCATE ON %s '
      'FOR EACH STATEMENT '
      'EXECUTE FUNCTION public.forge_capture_truncate(''notify'', ''partition'')', part);
  END LOOP;
END $$;
