-- A superuser who watches the tables of a role gives it no rights: whatever types, casts,
-- operators, functions and triggers that role makes, none of its code runs as anybody but itself,
-- in any statement.
local captured = require "support.captured"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- What the role makes: functions that write down as whom they run, and try to gain rights.
local SPIES = [[
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.seen (who name, what text);
GRANT INSERT ON app.seen TO PUBLIC;
CREATE FUNCTION app.spy(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.seen VALUES (current_user, what);
  IF current_user <> '@me@' THEN
    BEGIN EXECUTE 'ALTER ROLE @me@ SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN EXECUTE 'GRANT forgelog TO @me@'; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN EXECUTE 'DELETE FROM public.forge_change_log'; EXCEPTION WHEN OTHERS THEN NULL; END;
  END IF;
  RETURN true;
END $$;
CREATE FUNCTION app.still(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN app.spy(what); END $$;
CREATE TYPE app.mood AS ENUM ('ok', 'bad');
CREATE TYPE app.state AS ENUM ('ok', 'bad');
CREATE TYPE app.pair AS (i int, m app.mood);
CREATE DOMAIN app.named AS app.mood CHECK (app.still('domain'));
CREATE DOMAIN app.listed AS app.mood[] CHECK (app.still('domain of array'));
CREATE DOMAIN app.short AS int CHECK (app.still('domain of int'));
CREATE FUNCTION app.distance(int, int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM app.spy('subtype_diff'); RETURN $1 - $2; END $$;
CREATE TYPE app.span AS RANGE (subtype = int, subtype_diff = app.distance);
CREATE TYPE app.moods AS RANGE (subtype = app.mood);
CREATE TYPE app.whole AS (p app.pair, s app.span, l app.listed, n app.named);
]]

-- A cast of type %t to %u.
local CAST = [[
CREATE FUNCTION app.cast_%n(%t) RETURNS %u LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM app.spy('cast of %t to %u'); RETURN '%v'; END $$;
CREATE CAST (%t AS %u) WITH FUNCTION app.cast_%n(%t) AS %k;
]]

-- An operator %o of type %t.
local OPERATOR = [[
CREATE FUNCTION %s.operator_%n(%t, %t) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM app.spy('operator %o of %t'); RETURN true; END $$;
CREATE OPERATOR %s.%o (FUNCTION = %s.operator_%n, LEFTARG = %t, RIGHTARG = %t);
]]

-- A function of the name of one that capture calls.
local NAMED = [[
CREATE FUNCTION app.%f(%a) RETURNS %r LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM app.spy('%f'); RETURN NULL; END $$;
]]

local names = {
  { "concat", "VARIADIC text[]", "text" }, { "concat", "anyelement", "text" },
  { "concat_ws", "text, VARIADIC text[]", "text" }, { "format", "text, VARIADIC text[]", "text" },
  { "json_build_array", "VARIADIC text[]", "json" }, { "txid_current", "", "bigint" },
  { "clock_timestamp", "", "timestamptz" }, { "current_setting", "text, boolean", "text" },
  { "octet_length", "text", "int" }, { "pg_column_size", "anyelement", "int" },
  { "count", "anyarray", "bigint" }, { "forge_shape", "oid", "text" },
  { "forge_shape", "regclass", "text" }, { "forge_describe", "oid", "text" },
  { "forge_compile", "oid, text, text, text[]", "text" }, { "to_regnamespace", "text", "oid" },
  { "pg_notify", "text, text", "text" }, { "nullif", "text, text", "text" },
  { "pg_try_advisory_xact_lock_shared", "bigint", "boolean" },
}

-- All that the role makes, as one script.
local function spies(role)
  local parts, count = { (SPIES:gsub("@me@", role)) }, 0
  local function add(template, words)
    count = count + 1
    words.n = count
    parts[#parts + 1] = template:gsub("%%(%l)", words)
  end
  add(CAST, { t = "app.state", u = "json", v = "1", k = "IMPLICIT" })
  local types = { "app.mood", "app.pair", "app.span", "app.moods", "app.whole", "app.mood[]",
    "app.span_multirange" }
  for _, name in ipairs(types) do
    for _, target in ipairs({ { "json", "1", "IMPLICIT" }, { "jsonb", "1", "ASSIGNMENT" },
      { "text", "x", "IMPLICIT" }, { "int", "1", "IMPLICIT" }, { "bytea", "x", "ASSIGNMENT" } }) do
      add(CAST, { t = name, u = target[1], v = target[2], k = target[3] })
    end
    for _, operator in ipairs({ "=", "<>", "<", "*<>", "||", "<=" }) do
      add(OPERATOR, { t = name, o = operator, s = "app" })
      add(OPERATOR, { t = name, o = operator, s = "public" })
    end
  end
  for _, name in ipairs({ "int", "text", "record", "boolean", "bigint" }) do
    for _, operator in ipairs({ "=", "<>", "*<>" }) do
      add(OPERATOR, { t = name, o = operator, s = "app" })
    end
  end
  for _, name in ipairs(names) do add(NAMED, { f = name[1], a = name[2], r = name[3] }) end
  return table.concat(parts)
end

-- Columns of all these types, with all that may call functions.
local COLUMNS = [[
  k1 app.mood, k2 app.span, id int CHECK (app.spy('check')), m app.mood, p app.pair, n app.named,
  l app.listed, s app.span, ms app.span_multirange, ws app.moods, a app.mood[], w app.whole,
  aw app.whole[], sh app.short, t text DEFAULT app.spy('default')::text, v int,
  g text GENERATED ALWAYS AS (app.still('generated')::text) STORED, ]]

-- A table %s of the columns %c; %p is the rest of its definition.
local TABLE = [[
CREATE TABLE app.%s (%cPRIMARY KEY (id, k1, k2))%p;
CREATE INDEX ON app.%s ((app.still('index' || id)));
CREATE FUNCTION app.trigger_%s() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM app.spy('trigger of %s');
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON app.%s
  FOR EACH ROW EXECUTE FUNCTION app.trigger_%s();
CREATE TRIGGER zz AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON app.%s
  FOR EACH STATEMENT EXECUTE FUNCTION app.trigger_%s();
]]

local POLICY = [[
ALTER TABLE app.%s ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.%s FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON app.%s USING (app.spy('policy')) WITH CHECK (app.spy('policy'));
]]

-- Statements on a table, each of which writes.
local WRITES = [[
INSERT INTO app.%s (id, k1, k2, m, p, n, l, s, ms, ws, a, w, aw, sh)
SELECT i, 'ok', '[1,5)', 'ok', '(1,ok)', 'ok', '{ok,bad}', '[1,3]', '{[1,2]}', '[ok,bad]',
       '{ok}', '("(1,ok)","[1,2]","{ok}",ok)', ARRAY['("(1,ok)","[1,2]","{ok}",ok)'::app.whole], 1
  FROM pg_catalog.generate_series(1, 3) i;
UPDATE app.%s SET v = 1 WHERE id OPERATOR(pg_catalog.=) 1;
UPDATE app.%s SET v = 2, m = 'bad', p = '(2,bad)', n = 'bad', l = '{}', s = '(,)', ms = '{}',
  ws = 'empty', a = '{bad}', w = '(,,,bad)', aw = '{}', sh = 2;
UPDATE app.%s SET k1 = 'bad', id = id OPERATOR(pg_catalog.+) 10;
UPDATE app.%s SET k2 = '[7,8)' WHERE id OPERATOR(pg_catalog.=) 11;
INSERT INTO app.%s (id, k1, k2) VALUES (12, 'bad', '[1,5)')
    ON CONFLICT (id, k1, k2) DO UPDATE SET m = 'ok', s = '[5,6]';
DELETE FROM app.%s WHERE id OPERATOR(pg_catalog.=) 11;
DELETE FROM app.%s;
TRUNCATE app.%s;
]]

-- What makes the triggers compile their statement anew.
local ALTERED = [[
ALTER TABLE app.%s ADD late app.whole, ADD late2 app.mood DEFAULT 'ok';
ALTER TABLE app.%s ALTER t DROP DEFAULT, ALTER t TYPE app.mood USING NULL;
]]

local HOSTILE = [[
SET search_path = app, public, pg_catalog;
SET quote_all_identifiers = on;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET transform_null_equals = on;
SET array_nulls = off;
SET plpgsql.extra_errors = 'all';
SET row_security = on;
SET check_function_bodies = off;
SET constraint_exclusion = on;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_sort = off;
SET work_mem = 64;
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET xmlbinary = hex;
SET forgelog.context = E'it''s \\ %s "x"';
]]

describe("what capture gives a role", function()
  local db, log, app, role, drop_role, seen
  local tables = { "plain", "parts", "child", "by_hand", "kept" }

  setup(function()
    db, log = logs.empty()
    role, drop_role = logs.role(log, "CREATE SCHEMA app AUTHORIZATION %s; "
      .. "GRANT CREATE, USAGE ON SCHEMA public TO %s")
    app = logs.as(db, role)
    must(app, spies(role))
    local function make(name, rest, columns)
      must(app, (TABLE:gsub("%%(%l)", { s = name, p = rest or "", c = columns or COLUMNS })))
    end
    make("plain")
    must(app, (POLICY:gsub("%%s", "plain")))
    make("kept")
    make("by_hand")
    make("parts", " PARTITION BY RANGE (id)")
    make("base")
    make("child", " INHERITS (app.base)", "")
    must(app, [[CREATE TABLE app.parts1 PARTITION OF app.parts FOR VALUES FROM (0) TO (5);
      CREATE TABLE app.parts2 PARTITION OF app.parts DEFAULT]])
    must(log, ("REVOKE CREATE ON SCHEMA public FROM %s"):format(role))
    assert(log:install())
    for _, name in ipairs({ "plain", "parts", "child", "base" }) do
      assert(log:watch("app." .. name))
    end
    local several = { "m", "p", "n", "l", "s", "ms", "ws", "a", "w", "aw", "sh", "t" }
    assert(log:watch("app.kept", { keep = several, ignore = { "m", "w", "a", "ms" } }))
    must(log, [[CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON app.by_hand
      FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
    seen = captured.new(log)
  end)
  teardown(function()
    app:close()
    drop_role()
    log:close()
    support.drop(db)
  end)

  local function fill(text, name) return (text:gsub("%%s", name)) end

  -- Writes to each table as the role; the changes logged are as many as there should be.
  local function write(begin)
    for _, name in ipairs(tables) do
      must(app, (begin or "BEGIN") .. ";" .. fill(WRITES, name) .. "COMMIT")
      local ops = {}
      for _, line in ipairs(seen:list()) do
        local op = line:match("^%u+")
        assert.is_truthy(line:find(" app." .. name .. " ", 1, true), line)
        ops[op] = (ops[op] or 0) + 1
      end
      -- Of the first two UPDATEs of "kept" none is of ignored columns alone.
      assert.same({ INSERT = 3 + 3 + 1, UPDATE = 1 + 3 + 1, DELETE = 3 + 1 + 3,
        TRUNCATE = name ~= "by_hand" and 1 or nil }, ops, name)
    end
  end

  local function safe()
    for _, row in ipairs(must(log, "SELECT DISTINCT who, what FROM app.seen")) do
      assert.equal(role, row.who, row.what)
    end
    assert.is_true(must(log, "SELECT count(*) > 0 AS some FROM app.seen")[1].some)
    assert.same({ { rolsuper = false, rolcreaterole = false, member = 0 } }, must(log, [[
      SELECT rolsuper, rolcreaterole, (SELECT count(*) FROM pg_auth_members m
        WHERE m.member = r.oid) AS member FROM pg_roles r WHERE rolname = $1]], role))
  end

  it("is nothing in any statement on tables of its types", function()
    write()
    safe()
  end)

  it("is nothing under settings of its own", function()
    must(app, HOSTILE)
    write()
    safe()
    local context = must(log, "SELECT context FROM forge_change_log ORDER BY seq DESC LIMIT 1")
    assert.equal([[it's \ %s "x"]], context[1].context)
  end)

  it("is nothing after tables were altered, nor behind a snapshot", function()
    local other = logs.as(db, role)
    must(app, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM app.seen")
    for _, name in ipairs({ "plain", "parts", "base", "by_hand", "kept" }) do
      must(other, fill(ALTERED, name))
    end
    for _, name in ipairs(tables) do
      must(app, (fill(WRITES, name):gsub("TRUNCATE.-;", ""):gsub("DELETE.*$", "")))
    end
    must(app, "ROLLBACK")
    write()
    write("BEGIN ISOLATION LEVEL REPEATABLE READ")
    safe()
    other:close()
  end)

  it("is nothing with COPY, MERGE, and what foreign keys do", function()
    must(app, [[CREATE TABLE app.parent (k app.state PRIMARY KEY);
      CREATE TABLE app.linked (id int PRIMARY KEY, k app.state REFERENCES app.parent
        ON UPDATE CASCADE ON DELETE SET NULL)]])
    assert(log:watch("app.parent", { keep = { "k" } }))
    assert(log:watch("app.linked", { keep = { "k" } }))
    must(app, [[INSERT INTO app.parent VALUES ('ok'); INSERT INTO app.linked VALUES (1, 'ok');
      UPDATE app.parent SET k = 'bad'; DELETE FROM app.parent]])
    local as_app = db:gsub("user=%S+", "user=" .. role)
    support.psql("SET search_path = app;\n\\copy linked FROM stdin\n2\t\\N\n\\.\n", as_app)
    if tonumber(support.psql("SHOW server_version_num", db)) >= 150000 then
      must(app, [[MERGE INTO app.linked l USING (VALUES (2, NULL::app.state), (3, NULL)) s(id, k)
           ON l.id OPERATOR(pg_catalog.=) s.id
         WHEN MATCHED THEN UPDATE SET id = 4 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.k)]])
    end
    assert.is_truthy(#seen:list() > 5)
    safe()
  end)
end)
