-- No write fails because a table is watched: whatever its values are, whatever its columns are
-- called and how many there are, and wherever the log has gone.
local captured = require "support.captured"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local function row_trigger(name)
  return ([[; CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
    EXECUTE FUNCTION forge_notify_change()]]):format(name)
end

describe("a write", function()
  local log, seen, db
  captured.in_all(function(...) log, seen, db = ... end)

  before_each(function() seen:list() end)

  it("of what no cast takes is logged", function()
    must(log, [[CREATE DOMAIN d AS json; CREATE TYPE c AS (j json, e json[]);
      CREATE TYPE e AS ENUM ('a', 'b');
      CREATE FUNCTION raises(e) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
      CREATE CAST (e AS json) WITH FUNCTION raises(e);
      CREATE SCHEMA hidden; CREATE TABLE hidden.rates (n int);
      CREATE TYPE f AS ENUM ('a', 'b');
      CREATE FUNCTION looks(f) RETURNS jsonb LANGUAGE plpgsql AS
        $$ BEGIN RETURN (SELECT max(n) FROM rates); END $$;
      CREATE CAST (f AS jsonb) WITH FUNCTION looks(f)]])
    local columns = "id int PRIMARY KEY, j json, ja json[], d d, c c, ca c[], e e, ea e[], f f, "
      .. "x xml"
    local all = { "j", "ja", "d", "c", "ca", "e", "ea", "f", "x" }
    seen:watch(("CREATE TABLE odd (%s)"):format(columns), "odd", { keep = all })
    seen:watch(("CREATE TABLE ignored (%s)"):format(columns), "ignored", { ignore = all })
    seen:watch(("CREATE TABLE parts (%s) PARTITION BY RANGE (id); CREATE TABLE parts1 "
      .. "PARTITION OF parts DEFAULT"):format(columns), "parts", { keep = all })
    must(log, ("CREATE TABLE hand (%s)"):format(columns) .. row_trigger("hand"))
    for _, json in ipairs({ [[{"t":"a\u0000b"}]], [=[["\ud800"]]=], "[1e200000]", "[0.1e-9]" }) do
      for _, name in ipairs({ "odd", "ignored", "parts", "hand" }) do
        must(log, (([[INSERT INTO %s SELECT 1, j, ARRAY[j], j, ROW(j, ARRAY[j])::c,
            ARRAY[ROW(j, ARRAY[j])::c], 'a', '{a,b}', 'a', '<a/>'::xml
            FROM (SELECT $1::json AS j) v]]):gsub("%%s", name)), json)
        must(log, (([[UPDATE %s SET j = '1', ja = '{}', d = '2', c = NULL, e = 'b', f = 'b',
          ea = NULL; DELETE FROM %s]]):gsub("%%s", name)))
        local ops = seen:text():gsub("(%u) %S+ 1 [^;]*", "%1")
        assert.equal(name == "ignored" and "INSERT; DELETE" or "INSERT; UPDATE; DELETE", ops, name)
      end
    end
  end)

  it("to columns and tables of any name is logged", function()
    local names = { "$forge$", "%", "%s", [["]], "'", [[\]], "a\nb", ("n"):rep(63), "größe", "~1",
      "place", "step", "OLD", "NEW", "n", "o", "r", "s", "forge", "known", "home",
      "logged", "new_rows", "@schema@", "@rel@", [[E'\']], "$1", "--", "/*", "TG_OP", "tableoid_",
      "a,b", "{NULL}", "NULL" }
    local columns, sets, keep = {}, {}, {}
    for i, name in ipairs(names) do
      local quoted = '"' .. name:gsub('"', '""') .. '"'
      columns[i], sets[i] = quoted .. " text", quoted .. " = 'x'"
      keep[i] = name
    end
    for _, scs in ipairs({ "on", "off" }) do
      must(log, "SET escape_string_warning = off; SET standard_conforming_strings = " .. scs)
      for i, way in ipairs({ "", " PARTITION BY RANGE (id)" }) do
        local name = ('"%d%s%%s $forge$ ""\'\\ @rel@."'):format(i, scs)
        must(log, ("CREATE TABLE %s (id int PRIMARY KEY, %s)%s"):format(name,
          table.concat(columns, ", "), way))
        if i == 2 then
          must(log, ("CREATE TABLE part_%s PARTITION OF %s DEFAULT"):format(scs, name))
        end
        assert(log:watch(name, { keep = keep, ignore = { "%", "a\nb", "'" } }))
        local since, ops = log:max_seq(), {}
        must(log, ("INSERT INTO %s (id) VALUES (1); UPDATE %s SET %s; UPDATE %s SET \"%%\" = 'y'; "
          .. "DELETE FROM %s"):format(name, name, table.concat(sets, ", "), name, name))
        for change in log:drain(since) do
          ops[#ops + 1] = change.op
          local values = change.op == "UPDATE" and change.new or change.old or {}
          for _, column in ipairs(change.op ~= "INSERT" and keep or {}) do
            assert.truthy(values[column], column)
          end
        end
        seen:list()
        assert.same({ "INSERT", "UPDATE", "DELETE" }, ops)
        -- Altered, so that each statement is made when it runs.
        must(log, ("ALTER TABLE %s ADD z point"):format(name))
        must(log, ("INSERT INTO %s (id) VALUES (1); UPDATE %s SET %s; DELETE FROM %s"):format(name,
          name, table.concat(sets, ", "), name))
        assert.equal(3, #seen:list())
      end
    end
    must(log, "SET standard_conforming_strings = on")
  end)

  it("to tables of any width is logged", function()
    must(log, "CREATE TABLE none (); CREATE TABLE none_hand ()" .. row_trigger("none_hand"))
    assert(log:watch("none"))
    assert.equal("INSERT none - -; DELETE none - -; INSERT none_hand - -", seen:of(log,
      "INSERT INTO none DEFAULT VALUES; DELETE FROM none; INSERT INTO none_hand DEFAULT VALUES"))
    for _, size in ipairs({ 1, 99, 101, 250, 1599 }) do
      local parts, sets, key = {}, {}, {}
      for i = 1, size do
        parts[i] = ("c%d %s"):format(i, i % 3 == 0 and "text" or i % 3 == 1 and "int" or "bool")
        if i > 2 then sets[#sets + 1] = ("c%d = %s"):format(i, i % 3 == 2 and "true" or "'1'") end
        if i <= 2 then key[i] = "c" .. i end
      end
      local name = "wide" .. size
      seen:watch(("CREATE TABLE %s (%s, PRIMARY KEY (%s))"):format(name, table.concat(parts, ", "),
        table.concat(key, ", ")), name)
      must(log, ("INSERT INTO %s (%s) VALUES (1%s)"):format(name, table.concat(key, ", "),
        size > 1 and ", true" or ""))
      if sets[1] then
        must(log, ("UPDATE %s SET %s"):format(name, table.concat(sets, ", ")))
        must(log, ("UPDATE %s SET c%d = NULL"):format(name, size))
      end
      must(log, ("UPDATE %s SET c1 = 2; ALTER TABLE %s DROP c1%s; DELETE FROM %s"):format(name,
        name, size == 1599 and ", ADD late point" or "", name))
      local id = size > 1 and '["1", "t"]' or "1"
      local text = seen:text():gsub("c3,c4,[c%d,]+", "c3,c4")
      local expected = ("INSERT %s %s -;"):format(name, id)
      if sets[1] then
        expected = ("%s UPDATE %s %s c3,c4; UPDATE %s %s c%d;"):format(expected, name, id, name, id,
          size)
      end
      expected = ("%s DELETE %s %s -; INSERT %s %s -; DELETE %s - -"):format(expected, name, id,
        name, (id:gsub("1", "2")), name)
      assert.equal(expected, text)
    end
  end)

  it("of a value of hundreds of megabytes is logged, in the memory of that value", function()
    if not logs.measurable() then return end
    seen:watch("CREATE UNLOGGED TABLE large (id int PRIMARY KEY, a bytea, b text, n int)", "large",
      { keep = { "a", "b" }, unlogged = true })
    local session = logs.connect(db)
    local pid = logs.backend(session)
    local function peak()
      return tonumber(support.read("/proc/" .. pid .. "/status"):match("VmHWM:%s*(%d+)")) / 1024
    end
    must(session, "ALTER TABLE large ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL")
    local before = peak()
    must(session, [[INSERT INTO large VALUES (1, convert_to(repeat('x', 135000000), 'UTF8'));
      DELETE FROM large]])
    must(session, [[INSERT INTO large VALUES (2, NULL, repeat('x', 270000000));
      UPDATE large SET n = 1; DELETE FROM large]])
    must(session, [[INSERT INTO large VALUES (3, convert_to(repeat('x', 70000000), 'UTF8'),
      repeat('x', 140000000)); UPDATE large SET b = b || 'y'; DELETE FROM large]])
    support.note("large values: %.0f MB at most", peak() - before)
    -- Without triggers it takes two and a half of the largest value, 270 MB.
    assert.is_true(peak() - before < 5 * 270)
    assert.equal(8, #seen:list())
    session:close()
  end)

  it("of characters that the database's encoding lacks is logged", function()
    for _, encoding in ipairs({ "LATIN1", "SQL_ASCII" }) do
      local name = "forgelog_" .. encoding:lower() .. "_" .. logs.backend(log)
      must(log, ("CREATE DATABASE %s ENCODING '%s' LOCALE 'C' TEMPLATE template0"):format(name,
        encoding))
      local other = logs.connect((db:gsub("dbname=%S+", "dbname=" .. name)))
      assert(other:install())
      must(other, "CREATE TABLE j (id int PRIMARY KEY, j json, t text)")
      assert(other:watch("j", { keep = { "j", "t" } }))
      must(other, ([[INSERT INTO j VALUES (1, '{"a": "\u20ac"}', '%s')]]):format(
        encoding == "LATIN1" and "é" or "\226\130"))
      must(other, [[UPDATE j SET j = '["\u4e00"]'; UPDATE j SET t = 'x'; DELETE FROM j]])
      assert.equal(4, logs.rows(other))
      other:close()
      must(log, ("DROP DATABASE %s WITH (FORCE)"):format(name))
    end
  end)
end)
