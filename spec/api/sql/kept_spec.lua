-- Kept values are a column's values as text, the same in every session: before and after; what is
-- over 64 KiB is left out and named. Context and transaction stand with each change.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local COLUMNS = "id int PRIMARY KEY, name text, at timestamptz, n int, doc json, big text, "
  .. 'raw bytea, nums int[], "a,""b" text, never point'
local KEEP = { "raw", "name", "at", "n", "doc", "big", "nums", 'a,"b', "never" }

-- Each way to capture a table.
local WAYS = {
  { "kept_s", "CREATE TABLE kept_s (%s)" },
  { "kept_r", "CREATE TABLE kept_r (%s); CREATE TABLE kept_c () INHERITS (kept_r)" },
  { "kept_p", "CREATE TABLE kept_p (%s) PARTITION BY RANGE (id); "
    .. "CREATE TABLE kept_p1 PARTITION OF kept_p DEFAULT" },
  { "kept_a", "CREATE TABLE kept_a (%s)", "ALTER TABLE kept_a ADD later json" },
}

describe("kept values", function()
  local db, log, last

  setup(function()
    db, log = logs.empty()
    assert(log:install())
    for _, way in ipairs(WAYS) do
      must(log, way[2]:format(COLUMNS))
      assert(log:watch(way[1], { keep = KEEP, ignore = { "never" } }))
      if way[3] then must(log, way[3]) end
    end
    last = 0
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)
  before_each(function() last = log:max_seq() or 0 end)

  local function changes()
    local list = {}
    for change in log:drain(last) do list[#list + 1], last = change, change.seq end
    return list
  end

  local function each(f) for _, way in ipairs(WAYS) do f(way[1]) end end

  it("are those before and after, as text, in any session", function()
    local session = logs.connect(db)
    must(session, [[SET TimeZone = 'Asia/Kathmandu'; SET bytea_output = 'escape';
      SET DateStyle = 'SQL, DMY']])
    each(function(name)
      must(session, ([[INSERT INTO %s VALUES (1, '', '2001-02-03 04:05:06+00', 5, '{"a": "\u0000"}',
        'x', '\x00', '{1,NULL}', 'c"d')]]):format(name))
      must(session, ("UPDATE %s SET name = 'n', at = NULL WHERE id = 1"):format(name))
      must(session, ("UPDATE %s SET id = 2, n = 6"):format(name))
      must(session, ("UPDATE %s SET never = '(1,1)'"):format(name))
      must(session, ("DELETE FROM %s"):format(name))
      local first = { name = "", at = "2001-02-03 04:05:06+00", n = "5", doc = [[{"a": "\u0000"}]],
        big = "x", raw = [[\x00]], nums = "{1,NULL}", ['a,"b'] = 'c"d' }
      local second, third = {}, {}
      for key, value in pairs(first) do second[key] = value end
      second.name, second.at = "n", nil
      for key, value in pairs(second) do third[key] = value end
      third.n = "6"
      local fourth = {}
      for key, value in pairs(third) do fourth[key] = value end
      fourth.never = "(1,1)"
      local list = changes()
      local expected = { { "INSERT", nil, first }, { "UPDATE", first, second },
        { "DELETE", second }, { "INSERT", nil, third }, { "DELETE", fourth } }
      assert.equal(#expected, #list)
      for i, change in ipairs(list) do
        assert.same(expected[i], { change.op, change.old, change.new })
        assert.is_nil(change.omitted)
      end
    end)
    session:close()
  end)

  it("are left out where they are over 64 KiB, by name, and no other", function()
    each(function(name)
      must(log, ([[INSERT INTO %s (id, name, big, raw) VALUES (1, repeat('a', 65536),
        repeat('x', 65537), decode(repeat('00', 40000), 'hex'))]]):format(name))
      must(log, ("UPDATE %s SET big = repeat('ä', 32768), name = NULL"):format(name))
      must(log, ("UPDATE %s SET big = repeat('ä', 32769)"):format(name))
      must(log, ("UPDATE %s SET big = NULL, raw = NULL; DELETE FROM %s"):format(name, name))
      local list = changes()
      local function omitted(i)
        local names = {}
        for key, value in pairs(list[i].omitted or {}) do
          names[#names + 1] = type(key) == "string" and key or value
        end
        table.sort(names)
        return table.concat(names, " ")
      end
      assert.equal(65536, #list[1].new.name)
      assert.is_nil(list[1].new.big)
      assert.same({ "big raw", "big raw", "big raw", "big raw", "" },
        { omitted(1), omitted(2), omitted(3), omitted(4), omitted(5) })
      assert.equal(65536, #list[2].new.big)
      assert.is_nil(list[3].new.big)
    end)
  end)

  it("are those of columns of their names, though these move and go", function()
    must(log, "CREATE TABLE moving (id int PRIMARY KEY, a text, b text, c text)")
    assert(log:watch("moving", { keep = { "c", "a" } }))
    must(log, [[INSERT INTO moving VALUES (1, 'a', 'b', 'c'); ALTER TABLE moving DROP b;
      INSERT INTO moving VALUES (2, 'a', 'c'); ALTER TABLE moving RENAME a TO x;
      INSERT INTO moving VALUES (3, 'a', 'c'); ALTER TABLE moving DROP c;
      INSERT INTO moving VALUES (4, 'a'); ALTER TABLE moving ADD c int;
      INSERT INTO moving VALUES (5, 'a', 7)]])
    local list = {}
    for i, change in ipairs(changes()) do list[i] = change.new or false end
    local both = { a = "a", c = "c" }
    assert.same({ both, both, { c = "c" }, false, { c = "7" } }, list)
  end)

  it("stand beside the context and the transaction of each change", function()
    each(function(name)
      must(log, (([[BEGIN; INSERT INTO %s (id) VALUES (1); SET LOCAL forgelog.context = 'user 7';
        UPDATE %s SET n = 1; SAVEPOINT a; SET LOCAL forgelog.context = E'\'"\\ ä';
        UPDATE %s SET n = 2; RELEASE a; COMMIT]]):gsub("%%s", name)))
      must(log, ("SET forgelog.context = 'session'; DELETE FROM %s; RESET forgelog.context; "
        .. "TRUNCATE %s"):format(name, name))
      local list = changes()
      local contexts, ids = {}, {}
      for i, change in ipairs(list) do
        contexts[i], ids[change.txid] = change.context or false, true
      end
      assert.same({ false, "user 7", [['"\ ä]], "session", false }, contexts)
      local count = 0
      for id in pairs(ids) do count = count + (id and 1) end
      assert.equal(2, count)
      assert.equal(list[1].txid, list[3].txid)
    end)
  end)
end)
