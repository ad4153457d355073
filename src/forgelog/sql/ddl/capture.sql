-- Capture of whole statements. Nothing here names a column of a watched table: the key is looked up
-- when a statement ends, so no later change of the table can make a write fail. Wherever the
-- columns of a watched table are in scope, only "o.*" and "n.*" are mentioned, since a bare "o"
-- would be a column of that name where there is one.
--
-- jit = off: a plan made for one large statement stays in the session, and compiling it would cost
-- every later small one some 200 ms. enable_seqscan = off: otherwise the key is looked for by
-- reading all of pg_index.

CREATE OR REPLACE FUNCTION @schema@.forge_key(oid) RETURNS text[]
LANGUAGE plpgsql STABLE AS $forge$
BEGIN
  RETURN (SELECT @primary_key@ FROM (SELECT $1 AS oid) c);
END $forge$;

CREATE OR REPLACE FUNCTION @schema@.forge_row_id(jsonb, text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $forge$
BEGIN
  IF pg_catalog.cardinality($2) < 2 THEN RETURN $1 ->> $2[1]; END IF;
  RETURN (SELECT pg_catalog.jsonb_agg($1 -> k.name ORDER BY k.place)::text
            FROM pg_catalog.unnest($2) WITH ORDINALITY AS k(name, place));
END $forge$;

CREATE OR REPLACE FUNCTION @schema@.forge_capture_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  name text := @own_table_name@;
  keys text[] := @schema@.forge_key(TG_RELID);
BEGIN
  INSERT INTO @schema@.forge_change_log (table_name, op, row_id, created_at)
  SELECT forge.name, 'INSERT', @schema@.forge_row_id(r.now_row, forge.keys), clock_timestamp()
    FROM (SELECT to_jsonb(n.*) AS now_row FROM new_rows n) r;
  IF FOUND AND TG_ARGV[0] = 'notify' THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge $forge$;

CREATE OR REPLACE FUNCTION @schema@.forge_capture_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  name text := @own_table_name@;
  keys text[] := @schema@.forge_key(TG_RELID);
BEGIN
  INSERT INTO @schema@.forge_change_log (table_name, op, row_id, created_at)
  SELECT forge.name, 'DELETE', @schema@.forge_row_id(r.was_row, forge.keys), clock_timestamp()
    FROM (SELECT to_jsonb(o.*) AS was_row FROM old_rows o) r;
  IF FOUND AND TG_ARGV[0] = 'notify' THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge $forge$;

-- Three ways, from the cheapest to the one that always serves: one row whose key stays, by hstore;
-- any number of rows by hstore; any number by jsonb (no hstore, a key of several columns, a key
-- type whose jsonb text differs from its own). Old and new rows come in the same order and are
-- paired by number. FULL JOIN, since it is never planned as a nested loop: a plan made for one row
-- must not meet 100,000 later in the session. A key that changes is a DELETE of the old row and an
-- INSERT of the new one, all DELETEs first: SET id = id + 1 must end right.
CREATE OR REPLACE FUNCTION @schema@.forge_capture_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET enable_seqscan = off AS $forge$
<<forge>>
DECLARE
  name text := @own_table_name@;
  ignored text[] := TG_ARGV[1:];
  key text;
  keys text[];
  plain boolean;
BEGIN
  SELECT a.attname, i.indnkeyatts = 1
           -- int8 int2 int4 text varchar numeric uuid
           AND a.atttypid = ANY ('{20,21,23,25,1043,1700,2950}')
    INTO forge.key, forge.plain
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
   WHERE i.indrelid = TG_RELID AND i.indisprimary;

  -- The oid makes sure that this is the extension's own function: nobody can put another one in the
  -- place of a dropped extension's.
  IF plain IS NOT FALSE AND to_regproc('@hstore_text@.akeys') = @hstore_oid@ THEN
    INSERT INTO @schema@.forge_change_log (table_name, op, row_id, changed_cols, created_at)
    SELECT forge.name, 'UPDATE', r.id, nullif(array_to_string(r.cols, ','), ''), clock_timestamp()
      FROM (SELECT p.was_row OPERATOR(@hstore@.->) forge.key AS was_id,
                   p.now_row OPERATOR(@hstore@.->) forge.key AS id,
                   @hstore@.akeys(p.now_row OPERATOR(@hstore@.-) p.was_row) AS cols
              FROM (SELECT @hstore@.hstore(o.*) AS was_row, @hstore@.hstore(n.*) AS now_row
                      FROM old_rows o, new_rows n OFFSET 0) p
             WHERE NOT EXISTS (SELECT FROM new_rows OFFSET 1)) r
     WHERE r.was_id IS NOT DISTINCT FROM r.id AND (r.cols = '{}' OR NOT r.cols <@ forge.ignored);
    IF NOT FOUND THEN
      INSERT INTO @schema@.forge_change_log (table_name, op, row_id, changed_cols, created_at)
      SELECT forge.name,
             CASE WHEN NOT r.moved THEN 'UPDATE' WHEN s.step = 1 THEN 'DELETE' ELSE 'INSERT' END,
             CASE s.step WHEN 1 THEN r.was_id ELSE r.id END,
             CASE WHEN NOT r.moved THEN nullif(array_to_string(r.cols, ','), '') END,
             clock_timestamp()
        FROM (SELECT p.*, p.was_id IS DISTINCT FROM p.id AS moved
                FROM (SELECT place, w.was_row OPERATOR(@hstore@.->) forge.key AS was_id,
                             i.now_row OPERATOR(@hstore@.->) forge.key AS id,
                             @hstore@.akeys(i.now_row OPERATOR(@hstore@.-) w.was_row) AS cols
                        FROM (SELECT row_number() OVER () AS place, @hstore@.hstore(o.*) AS was_row
                                FROM old_rows o) w
                        FULL JOIN (SELECT row_number() OVER () AS place,
                                          @hstore@.hstore(n.*) AS now_row FROM new_rows n) i
                       USING (place) OFFSET 0) p) r
        JOIN (SELECT 1 AS step UNION ALL SELECT 2) s ON s.step = 2 OR r.moved
       WHERE r.moved OR r.cols = '{}' OR NOT r.cols <@ forge.ignored
       ORDER BY s.step, r.place;
    END IF;
  ELSE
    keys := @schema@.forge_key(TG_RELID);
    INSERT INTO @schema@.forge_change_log (table_name, op, row_id, changed_cols, created_at)
    SELECT forge.name,
           CASE WHEN NOT r.moved THEN 'UPDATE' WHEN s.step = 1 THEN 'DELETE' ELSE 'INSERT' END,
           CASE s.step WHEN 1 THEN r.was_id ELSE r.id END,
           CASE WHEN NOT r.moved THEN nullif(array_to_string(r.cols, ','), '') END,
           clock_timestamp()
      FROM (SELECT p.*, p.was_id IS DISTINCT FROM p.id AS moved
              FROM (SELECT place, @schema@.forge_row_id(w.was_row, forge.keys) AS was_id,
                           @schema@.forge_row_id(i.now_row, forge.keys) AS id,
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

  IF FOUND AND TG_ARGV[0] = 'notify' THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge $forge$;

-- On a partition (second argument 'partition') it speaks for the watched table above it, and is
-- silent where the statement has just said so, or where no table above is watched any more.
CREATE OR REPLACE FUNCTION @schema@.forge_capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $forge$
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
  SELECT @table_name@ INTO name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = watched;
  IF TG_ARGV[1] = 'partition' THEN
    SELECT l.op = 'TRUNCATE' AND l.xmin = pg_current_xact_id()::xid INTO said
      FROM @schema@.forge_change_log l
     WHERE l.table_name = forge.name AND l.created_at >= transaction_timestamp()
     ORDER BY l.seq DESC LIMIT 1;
    IF said THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO @schema@.forge_change_log (table_name, op, created_at)
  VALUES (name, 'TRUNCATE', clock_timestamp());
  IF TG_ARGV[0] = 'notify' THEN
    @ring_bell@;
  END IF;
  RETURN NULL;
END forge $forge$;

-- They run with their owner's rights: a stranger must not attach them to a table of his own. Only
-- CREATE TRIGGER asks for the right.
REVOKE EXECUTE ON FUNCTION @schema@.forge_capture_insert(), @schema@.forge_capture_update(),
  @schema@.forge_capture_delete(), @schema@.forge_capture_truncate() FROM PUBLIC;
COMMENT ON FUNCTION @schema@.forge_key(oid) IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_row_id(jsonb, text[]) IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_capture_insert() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_capture_delete() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_capture_truncate() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_capture_update() IS 'forgelog @version@ @capture@';
