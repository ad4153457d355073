-- The generator: what a trigger writes for one table, compiled from the catalog. No cast, operator
-- or function of a user's runs in it: values pass through their type's output function (concat) or
-- are compared as they are stored, and no value but those of the key and of kept columns becomes
-- text.
--
-- What is read here decides what a user's write does. A transaction in REPEATABLE READ sees the
-- catalog as of its snapshot, but the table as it is now. So names and keys are read by functions
-- that ask the catalog caches, which are never behind the table. Types, for which there is no such
-- function, count as unknown where a transaction that the snapshot does not show has replaced a row
-- that describes the table.

-- What a table is now: its name in the log; its columns with their numbers and types (0: a virtual
-- generated column; NULL instead of the list: unknown); the columns of its primary key, as SQL
-- names (NULL: it has another key than it had, and there is no saying which); whether each row is
-- checked for that key at once; whether a watched table above it speaks for it.
CREATE OR REPLACE FUNCTION @schema@.forge_describe(rel oid, OUT name text, OUT columns text[],
  OUT numbers int2[], OUT types oid[], OUT keys text[], OUT immediate boolean, OUT covered boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $forge$
#variable_conflict use_variable
DECLARE
  place text[] := (pg_identify_object_as_address(1259, rel, 0)).object_names;
  named text[];
  number int2 := 1;
  key_index oid;
  had_key boolean := false;
  replaced boolean;
BEGIN
  IF place IS NULL OR NOT EXISTS (
       SELECT FROM pg_identify_object_as_address(1259, rel, 0) i WHERE i.type = 'table') THEN
    RETURN; -- such as a function that was restored knows by its number: there is nothing to say
  END IF;
  SELECT @table_name@ INTO name
    FROM (SELECT place[1] AS nspname) n, (SELECT place[2] AS relname) c;
  columns := '{}';
  numbers := '{}';
  LOOP
    named := (pg_identify_object_as_address(1259, rel, number)).object_names;
    EXIT WHEN named IS NULL;
    -- There is no saying who has a privilege on a column that was dropped.
    IF has_column_privilege(rel, number, 'SELECT') IS NOT NULL THEN
      columns := columns || named[3];
      numbers := numbers || number;
    END IF;
    number := number + 1::int2;
  END LOOP;

  -- What was written after the snapshot has a number above all that were open then: that of a
  -- savepoint is listed nowhere.
  SELECT bool_or(r.xmax <> '0' AND age(r.xmax) <= age(pg_snapshot_xmin(s.now)::xid)) INTO replaced
    FROM (SELECT pg_current_snapshot() AS now) s,
         (SELECT c.xmax FROM pg_class c WHERE c.oid = rel
           UNION ALL
          SELECT a.xmax FROM pg_attribute a WHERE a.attrelid = rel AND a.attnum > 0
           UNION ALL
          SELECT i.xmax FROM pg_index i WHERE i.indrelid = rel) r(xmax);
  SELECT i.indexrelid, i.indimmediate INTO key_index, immediate
    FROM pg_index i WHERE i.indrelid = rel AND i.indisprimary;
  -- The index of a primary key is that as long as it is there. One that was made after the snapshot
  -- is known to the caches as the replica identity, unless that is something else. To ask for
  -- either waits for whoever has locked the table, which a write to a partition of it does not.
  IF key_index IS NULL OR replaced IS NOT FALSE AND pg_get_indexdef(key_index, 1, false) IS NULL
  THEN
    had_key := key_index IS NOT NULL;
    key_index := NULL;
    IF had_key OR current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       OR EXISTS (SELECT FROM pg_class c WHERE c.oid = rel AND c.relkind = 'r') THEN
      key_index := nullif(pg_get_replica_identity_index(rel)::oid, 0);
    END IF;
    IF EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = key_index) THEN
      key_index := NULL;
    END IF;
    immediate := key_index IS NULL;
    replaced := replaced OR had_key OR key_index IS NOT NULL
                OR current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
  END IF;
  IF replaced IS FALSE THEN
    keys := ARRAY(SELECT quote_ident(columns[array_position(numbers, k.number)])
                    FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                   WHERE i.indexrelid = key_index AND k.place <= i.indnkeyatts ORDER BY k.place);
  ELSIF key_index IS NOT NULL OR NOT had_key THEN
    keys := ARRAY(SELECT d.named
                    FROM generate_series(1, 32) k, pg_get_indexdef(key_index, k, false) AS d(named)
                   WHERE d.named <> ''
                     AND coalesce(k <= (SELECT i.indnkeyatts FROM pg_index i
                                         WHERE i.indexrelid = key_index),
                                  pg_index_column_has_property(key_index, k, 'orderable')));
  END IF;

  SELECT array_agg(CASE a.attgenerated WHEN 'v' THEN 0 ELSE a.atttypid END ORDER BY a.attnum)
    INTO types FROM pg_attribute a
   WHERE a.attrelid = rel AND a.attnum > 0 AND NOT a.attisdropped;
  IF replaced OR cardinality(types) IS DISTINCT FROM cardinality(columns) THEN
    types := NULL;
  END IF;
  covered := EXISTS (
    SELECT FROM pg_partition_ancestors(rel) a
      JOIN pg_trigger t ON t.tgrelid = a.relid AND t.tgparentid = 0
      JOIN pg_proc p ON p.oid = t.tgfoid AND p.proname ~ '^forge_(capture_row|notify_change)'
      JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = @schema_name@
     WHERE a.relid <> rel);
END $forge$;

-- A table's shape as text; NULL where it cannot be known. IMMUTABLE on purpose: it is computed when
-- an expression that names the table is planned, and PostgreSQL plans that anew when the table is
-- altered, in this session or in another one.
CREATE OR REPLACE FUNCTION @schema@.forge_shape(rel oid) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $forge$
BEGIN
  RETURN (SELECT t::text FROM @schema@.forge_describe(rel) t WHERE t.types IS NOT NULL);
END $forge$;

-- The statement that logs what a trigger was called for. `form`: 'all' rows of a statement, for
-- UPDATE also 'one' (there is a single row, and its key stays), 'many' (those whose key stays; none
-- at all where a row may be among them twice, since it does not order them) and 'moved' (what that
-- has left, in order); 'row' (of a row trigger in PL/pgSQL), for UPDATE also 'row moved' (its key
-- does not stay); 'params' (the same with OLD and NEW as parameters, as far as there are). `args`:
-- of the trigger: a mode, 'forgelog 2', the columns to keep, and those to ignore as number:name; in
-- the first edition a mode and the names of columns to ignore.
CREATE OR REPLACE FUNCTION @schema@.forge_compile(rel oid, op text, form text DEFAULT 'all',
  args text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $forge$
#variable_conflict use_column
DECLARE
  about record;
  options text[] := args[array_lower(args, 1) + 1:];
  keep text[] := '{}';
  ignore text[] := '{}';
  is_update boolean := op = 'UPDATE';
  by_row boolean := form IN ('row', 'row moved', 'params');
  -- Of these types two values are the same exactly if they are equal, so that they can be compared
  -- by their own operator, which costs least: int8 int2 int4 oid bool "char" date time timestamp
  -- timestamptz uuid name; and text varchar (like name by "C") and bytea.
  short_types oid[] := '{20,21,23,26,16,18,1082,1083,1114,1184,2950,19}';
  long_types oid[] := '{25,1043,17}';
  p record;
  in_steps boolean := is_update AND form IN ('all', 'moved', 'row moved', 'params');
  -- A join's rows have some 1,600 columns at most: of wider ones it takes the rows as records.
  is_wide boolean := false;
  columns text := 'table_name, op, row_id, created_at, txid, context';
  chosen text;
  operation text := quote_literal(op);
  old_id text;
  new_id text;
  changed_cols text;
  context text;
  old_values text;
  new_values text;
  source text;
  condition text;
  -- A statement changes a row twice only by foreign keys whose actions change rows. A snapshot that
  -- is held may be too old to show these.
  may_be_twice text := format(
    '(SELECT current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') '
    'OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = %s AND k.contype = ''f'' '
    'AND (k.confupdtype IN (''c'', ''n'', ''d'') OR k.confdeltype IN (''n'', ''d''))))', rel);
BEGIN
  SELECT * INTO about FROM @schema@.forge_describe(rel);
  IF about.covered THEN RETURN 'SELECT WHERE false'; END IF;
  IF about.keys IS NULL THEN
    RETURN 'INSERT INTO @schema_text@.forge_change_log (table_name, op, created_at, txid, context) '
           || format('SELECT %L, ''RELOAD'', clock_timestamp(), txid_current(), '
                     'nullif(current_setting(''forgelog.context'', true), '''')', about.name)
           || CASE WHEN by_row THEN ''
              ELSE format(' WHERE EXISTS (SELECT FROM %s)',
                          CASE op WHEN 'INSERT' THEN 'new_rows' ELSE 'old_rows' END) END;
  END IF;
  IF options[1] = 'forgelog 2' THEN
    keep := options[2]::text[];
    -- What has another number or another name by now is not the column that was to be ignored.
    ignore := ARRAY(SELECT c.name FROM unnest(about.columns, about.numbers) AS c(name, number)
                     WHERE c.number || ':' || c.name = ANY (options[3]::text[]));
  ELSE
    ignore := coalesce(options, '{}');
  END IF;

  is_wide := in_steps AND NOT by_row AND cardinality(about.columns) > 800;
  WITH spoken AS (
         SELECT c.place, c.name, c.type, array_position(about.keys, quote_ident(c.name)) AS key,
                array_position(keep, c.name) AS kept, c.name = ANY (ignore) AS ignored,
                CASE WHEN form = 'params' THEN format('($1).%I', c.name)
                     WHEN by_row THEN format('OLD.%I', c.name)
                     ELSE format(CASE WHEN is_wide THEN '(o.r)."~%s"' ELSE 'o."~%s"' END, c.place)
                     END AS was,
                CASE WHEN form = 'params' THEN format('($%s).%I', 1 + is_update::int, c.name)
                     WHEN by_row THEN format('NEW.%I', c.name)
                     ELSE format(CASE WHEN is_wide THEN '(n.r)."~%s"' ELSE 'n."~%s"' END, c.place)
                     END AS is_now,
                c.type = ANY (short_types) AS is_short,
                c.type = ANY (short_types || long_types) AND NOT by_row AS has_operator,
                EXISTS (SELECT FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
                         WHERE a.attrelid = rel AND a.attnum = c.number AND r.reltoastrelid <> 0
                           AND a.attstorage IN ('e', 'x') AND about.types IS NOT NULL
                           AND current_setting('server_version_num')::int >= 170000) AS toasted
           FROM unnest(about.columns, about.numbers, about.types)
                  WITH ORDINALITY AS c(name, number, type, place)),
       compared AS (
         SELECT *, @listed_name@ AS listed,
                CASE WHEN type = 0 THEN 'false'
                     WHEN has_operator IS NOT TRUE
                     THEN format('ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record',
                                 was, is_now)
                     WHEN type IN (19, 25, 1043)
                     THEN format('%s COLLATE "C" IS DISTINCT FROM %s COLLATE "C"', was, is_now)
                     ELSE format('%s IS DISTINCT FROM %s', was, is_now) END AS differ
           FROM spoken c),
       seen AS (
         SELECT *, has_operator IS TRUE OR toasted AS alone,
                -- A large value that stays is the same place in the TOAST, and need not be read.
                CASE WHEN toasted
                     THEN format('CASE WHEN pg_column_toast_chunk_id(%s) = '
                                 'pg_column_toast_chunk_id(%s) THEN false ELSE %s END',
                                 was, is_now, differ)
                     ELSE differ END AS differs,
                -- Of a kept value: whether it is there, and not over 64 KiB. NULL is neither that
                -- nor its contrary. Triggers do not see that of a virtual column.
                CASE WHEN type = 0 THEN 'false'
                     WHEN is_short THEN 'pg_column_size(%1$s) > 0'
                     ELSE '(pg_column_size(%1$s) <= 65540 AND octet_length(concat(%1$s)) <= 65536)'
                END AS is_whole
           FROM compared),
       -- Neighbours that are not compared by themselves are first compared as a group.
       listed AS (
         SELECT place, was, is_now, alone,
                format('CASE WHEN %s THEN %L END', differs, listed) AS named,
                place - row_number() OVER (PARTITION BY alone ORDER BY place) AS island,
                ceil(sqrt(count(*) OVER (PARTITION BY alone))) AS size
           FROM seen WHERE key IS NULL AND type IS DISTINCT FROM 0),
       grouped AS (
         SELECT min(place) AS place,
                CASE WHEN count(*) = 1 THEN min(named)
                     ELSE format('CASE WHEN ROW(%s)::record OPERATOR(pg_catalog.*<>) '
                                 'ROW(%s)::record THEN concat_ws('','', %s) END',
                                 string_agg(was, ', ' ORDER BY place),
                                 string_agg(is_now, ', ' ORDER BY place),
                                 string_agg(named, ', ' ORDER BY place)) END AS named
           FROM (SELECT *, CASE WHEN alone THEN place ELSE floor((row_number()
                             OVER (PARTITION BY alone, island ORDER BY place) - 1) / size)
                           END AS chunk FROM listed) c
          GROUP BY alone, island, chunk),
       -- A function has a hundred arguments at most.
       packed AS (
         SELECT min(place) AS place, format('nullif(concat_ws('','', %s), '''')',
                                            string_agg(named, ', ' ORDER BY place)) AS named
           FROM (SELECT *, (row_number() OVER (ORDER BY place) - 1) / 90 AS pack FROM grouped) g
          GROUP BY pack)
  SELECT (SELECT CASE WHEN count(*) > 1 THEN
                        format('concat_ws('','', %s)', string_agg(named, ', ' ORDER BY place))
                 ELSE coalesce(min(named), 'NULL::text') END FROM packed) AS cols,
         coalesce(string_agg(differs, ' OR ') FILTER (WHERE key IS NOT NULL), 'false') AS moves,
         coalesce(string_agg(differs, ' OR ') FILTER (WHERE ignored), 'false') AS ignored_differ,
         coalesce(string_agg(differs, ' OR ') FILTER (WHERE NOT ignored), 'false') AS others_differ,
         count(key) AS key_size,
         string_agg(format('concat(%s)', was), ', ' ORDER BY key)
           FILTER (WHERE key IS NOT NULL) AS old_key,
         string_agg(format('concat(%s)', is_now), ', ' ORDER BY key)
           FILTER (WHERE key IS NOT NULL) AS new_key,
         string_agg(format('CASE WHEN %s THEN concat(%s) END', format(is_whole, was), was), ', '
                    ORDER BY kept) FILTER (WHERE kept IS NOT NULL) AS old_values,
         string_agg(format('CASE WHEN %s THEN concat(%s) END', format(is_whole, is_now), is_now),
                    ', ' ORDER BY kept) FILTER (WHERE kept IS NOT NULL) AS new_values,
         string_agg(listed, ',' ORDER BY kept) FILTER (WHERE kept IS NOT NULL) AS kept,
         (SELECT string_agg(o.names, ', ' ORDER BY o.pack)
            FROM (SELECT l.pack, format('nullif(concat_ws('','', %s), '''')',
                                        string_agg(l.named, ', ' ORDER BY l.kept)) AS names
                    FROM (SELECT s.kept, (row_number() OVER (ORDER BY s.kept) - 1) / 90 AS pack,
                                 format('CASE WHEN %s THEN %L END', concat_ws(' OR ',
                                   CASE WHEN op <> 'INSERT'
                                        THEN 'NOT ' || format(s.is_whole, s.was) END,
                                   CASE WHEN op <> 'DELETE'
                                        THEN 'NOT ' || format(s.is_whole, s.is_now) END),
                                   s.listed) AS named
                            FROM seen s
                           WHERE s.kept IS NOT NULL AND s.is_short IS NOT TRUE) l
                   GROUP BY l.pack) o) AS omitted,
         coalesce(string_agg(format(', "~%s"', place), '' ORDER BY place), '') AS alias
    INTO p FROM seen;
  old_id := format(CASE p.key_size WHEN 0 THEN 'NULL::text' WHEN 1 THEN '%s'
                   ELSE 'json_build_array(%s)::text' END, p.old_key);
  new_id := format(CASE p.key_size WHEN 0 THEN 'NULL::text' WHEN 1 THEN '%s'
                   ELSE 'json_build_array(%s)::text' END, p.new_key);
  changed_cols := p.cols;
  old_values := format('ARRAY[%s]', p.old_values);
  new_values := format('ARRAY[%s]', p.new_values);
  -- A row whose key changes is logged twice: in step 1 the DELETE of its old key, and in step 2,
  -- like what stays, the INSERT of the new one.
  IF in_steps THEN
    operation := format('CASE WHEN NOT (%s) THEN ''UPDATE'' WHEN s.step = 1 THEN ''DELETE'' '
                        'ELSE ''INSERT'' END', p.moves);
    new_id := format('CASE s.step WHEN 1 THEN %s ELSE %s END', old_id, new_id);
    changed_cols := format('CASE WHEN NOT (%s) THEN %s END', p.moves, p.cols);
    old_values := format('CASE WHEN s.step = 1 OR NOT (%s) THEN %s END', p.moves, old_values);
    new_values := format('CASE WHEN s.step = 2 THEN %s END', new_values);
  END IF;
  -- For many rows it is asked once.
  context := 'nullif(current_setting(''forgelog.context'', true), '''')';
  IF NOT by_row AND form <> 'one' THEN context := '(SELECT ' || context || ')'; END IF;
  chosen := format('%L, %s, %s, clock_timestamp(), txid_current(), %s', about.name, operation,
                   CASE op WHEN 'DELETE' THEN old_id ELSE new_id END, context);
  IF is_update THEN
    columns := columns || ', changed_cols';
    chosen := chosen || ', ' || changed_cols;
  END IF;
  IF p.key_size > 1 THEN
    columns := columns || ', key_cols';
    chosen := chosen || ', ' || p.key_size;
  END IF;
  IF p.kept IS NOT NULL THEN
    columns := columns || ', kept_cols' || CASE WHEN op <> 'INSERT' THEN ', old_values' ELSE '' END
                                        || CASE WHEN op <> 'DELETE' THEN ', new_values' ELSE '' END;
    chosen := concat_ws(', ', chosen, CASE WHEN p.omitted IS NULL THEN quote_literal(p.kept)
                ELSE format('concat(%L, '','' || nullif(concat_ws('','', '''', %s), ''''))',
                            p.kept, p.omitted) END,
                CASE WHEN op <> 'INSERT' THEN old_values END,
                CASE WHEN op <> 'DELETE' THEN new_values END);
  END IF;

  -- Old and new rows come in the same order, and are paired by number. FULL JOIN, since that is
  -- never planned as a nested loop: a plan made for one row must not meet 100,000 later on.
  source := CASE
    WHEN by_row THEN CASE WHEN in_steps THEN ' FROM (SELECT 1 AS place) r' ELSE '' END
    WHEN op = 'INSERT' THEN ' FROM new_rows n(%2$s)'
    WHEN op = 'DELETE' THEN ' FROM old_rows o(%2$s)'
    WHEN form = 'one' THEN ' FROM old_rows o(%2$s), new_rows n(%2$s)'
    WHEN is_wide THEN
         ' FROM (SELECT row_number() OVER () AS place, r FROM old_rows r(%2$s)) o'
         ' FULL JOIN (SELECT row_number() OVER () AS place, r FROM new_rows r(%2$s)) n'
         ' USING (place)'
    ELSE ' FROM (SELECT row_number() OVER () AS place, r.* FROM old_rows r) o(place%1$s)'
         ' FULL JOIN (SELECT row_number() OVER () AS place, r.* FROM new_rows r) n(place%1$s)'
         ' USING (place)' END;
  source := format(source, p.alias, substr(p.alias, 3));
  source := replace(replace(source, ' o()', ' o'), ' n()', ' n'); -- a table without columns
  IF in_steps THEN source := source || ' CROSS JOIN (VALUES (1), (2)) s(step)'; END IF;

  -- An UPDATE of nothing but ignored columns is not logged. Where each row is checked for the key
  -- at once, the rows moved in an order in which no key was there twice, and the log tells it in
  -- this order; otherwise first what is gone, then what is there.
  condition := CASE WHEN p.ignored_differ = 'false' THEN 'true'
               ELSE format('((%s) OR NOT (%s))', p.others_differ, p.ignored_differ) END;
  condition := CASE WHEN NOT is_update THEN ''
    WHEN NOT in_steps THEN format(' WHERE %sNOT (%s) AND %s',
      CASE WHEN form = 'one' THEN 'NOT EXISTS (SELECT FROM new_rows OFFSET 1) AND '
           WHEN form = 'many' AND p.key_size > 0 THEN 'NOT ' || may_be_twice || ' AND '
           ELSE '' END, p.moves, condition)
    ELSE format(' WHERE (%s)%s ORDER BY %s', p.moves,
      CASE form WHEN 'row moved' THEN ''
                WHEN 'moved' THEN format(' OR s.step = 2 AND %s AND %s', may_be_twice, condition)
                ELSE format(' OR s.step = 2 AND %s', condition) END,
      CASE WHEN about.immediate IS FALSE THEN 's.step, place' ELSE 'place, s.step' END) END;
  RETURN 'INSERT INTO @schema_text@.forge_change_log ('
         || columns || ') SELECT ' || chosen || source || condition;
END $forge$;

-- What is left to the trigger functions where this schema was renamed to `home`, so that they do
-- not find the log: the write goes on, and whoever reads the log reads the table again, which has
-- the name that it would have without that.
CREATE OR REPLACE FUNCTION @schema@.forge_reload(trigger_oid oid, home regnamespace) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $forge$
DECLARE
  name text;
BEGIN
  SELECT @table_name@ INTO name
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = coalesce(
           (SELECT a.relid FROM pg_partition_ancestors(t.tgrelid) WITH ORDINALITY a(relid, place)
              JOIN pg_trigger x ON x.tgrelid = a.relid AND x.tgparentid = 0
              JOIN pg_proc p ON p.oid = x.tgfoid AND p.pronamespace = home
             WHERE p.proname ~ '^forge_'
             ORDER BY a.place DESC LIMIT 1), t.tgrelid)
    JOIN pg_namespace s ON s.oid = c.relnamespace
   CROSS JOIN LATERAL (
           SELECT CASE s.oid WHEN home THEN @schema_name@ ELSE s.nspname END) AS n(nspname)
   WHERE t.oid = trigger_oid;
  EXECUTE format('INSERT INTO %s.forge_change_log (table_name, op, created_at) '
                 'VALUES ($1, ''RELOAD'', clock_timestamp())', home) USING name;
END $forge$;

-- The settings under which values become text, for a trigger function that does not have them since
-- its table's key and kept values are of types that print alike under all; what they were is set
-- back by the second.
CREATE OR REPLACE FUNCTION @schema@.forge_pin() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $forge$
BEGIN
  PERFORM set_config('forgelog.settings', array_agg(current_setting(p.name) ORDER BY p.name)::text,
                     true)
     FROM (VALUES @pinned_settings@) AS p(name, value);
  PERFORM set_config(p.name, p.value, true) FROM (VALUES @pinned_settings@) AS p(name, value);
END $forge$;

CREATE OR REPLACE FUNCTION @schema@.forge_unpin() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $forge$
BEGIN
  PERFORM set_config(p.name, p.value, true)
     FROM (SELECT s.name, (current_setting('forgelog.settings')::text[])[
                    row_number() OVER (ORDER BY s.name)] AS value
             FROM (VALUES @pinned_settings@) AS s(name, pinned)) p;
END $forge$;

COMMENT ON FUNCTION @schema@.forge_reload(oid, regnamespace) IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_pin() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_unpin() IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_describe(oid) IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_shape(oid) IS 'forgelog @version@';
COMMENT ON FUNCTION @schema@.forge_compile(oid, text, text, text[]) IS 'forgelog @version@';
