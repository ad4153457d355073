-- What a drain delivers, and what a program may do meanwhile.
local logs = require "support.logs"
local support = require "support"

local must = logs.must
local type_of_number = rawget(math, "type") -- a Lua with integers has it
local has_integers = type_of_number ~= nil

local function count_up(first, last)
  local list = {}
  for seq = first, last do list[#list + 1] = seq end
  return list
end

describe("drain", function()
  local db, log

  before_each(function() db, log = logs.installed() end)
  after_each(function() log:close(); support.drop(db) end)

  it("delivers changes with their fields", function()
    must(log, [[INSERT INTO item (n) VALUES (1); UPDATE item SET n = 2; DELETE FROM item;
      TRUNCATE item]])
    local list = {}
    for change in log:drain() do list[#list + 1] = change end
    assert.equal(4, #list)
    local times = must(log, [[SELECT EXTRACT(epoch FROM created_at)::float8 AS at
      FROM forge_change_log ORDER BY seq]])
    for i, op in ipairs({ "INSERT", "UPDATE", "DELETE", "TRUNCATE" }) do
      local change = list[i]
      assert.equal(i, change.seq)
      assert.equal(op, change.op)
      assert.equal("item", change.table_name)
      assert.equal(i < 4 and "1" or nil, change.row_id)
      assert.equal(i == 2 and "n" or nil, change.changed_cols)
      assert.equal("number", type(change.created_at))
      assert.is_true(math.abs(times[i].at - change.created_at) < 5e-7)
      if has_integers then
        assert.equal("integer", type_of_number(change.seq))
        assert.equal("float", type_of_number(change.created_at))
      end
    end
  end)

  it("keeps texts as they are: empty, long, multibyte, and NULL as nil", function()
    must(log, [[
      INSERT INTO forge_change_log (table_name, op, row_id, changed_cols, created_at) VALUES
        ('Ünïcode "x"', 'INSERT', '', '', '1969-12-31 23:59:59.999999+00'),
        ('t', 'DELETE', NULL, NULL, '2040-01-01+00'),
        ('t', 'UPDATE', repeat('ä', 524288), 'a,b', '2001-02-03 04:05:06.123456+00')]])
    local list = {}
    for change in log:drain() do list[#list + 1] = change end
    assert.equal('Ünïcode "x"', list[1].table_name)
    assert.equal("", list[1].row_id)
    assert.equal("", list[1].changed_cols)
    assert.is_true(math.abs(list[1].created_at + 1e-6) < 1e-7)
    assert.is_nil(list[2].row_id)
    assert.is_nil(list[2].changed_cols)
    assert.equal(2208988800, list[2].created_at)
    assert.is_true(list[3].row_id == ("ä"):rep(524288))
    assert.equal("981173106.123456", ("%.6f"):format(list[3].created_at))
  end)

  it("delivers nothing of an empty log, and nil again at the end", function()
    local next_change = log:drain()
    assert.is_nil(next_change())
    logs.fill(log, 1)
    next_change = log:drain(0)
    assert.equal(1, next_change().seq)
    assert.is_nil(next_change() or next_change())
  end)

  it("starts after a seq or a position, and skips what a position says was delivered", function()
    logs.fill(log, 25)
    assert.same(count_up(16, 25), logs.drained(log, 15))
    assert.same(count_up(16, 25), logs.drained(log, "15"))
    assert.same(count_up(16, 25), logs.drained(log, "1:15"))
    assert.same({ 16, 21, 23, 24, 25 }, logs.drained(log, "1:15:17-20,22"))
    assert.same({}, logs.drained(log, "1:15:16-25"))
    assert.same({}, logs.drained(log, 25))
  end)

  it("stops at a limit, and goes on from there", function()
    logs.fill(log, 300)
    for _, limit in ipairs({ 0, 1, 63, 64, 65, 128, 300, 10000 }) do
      assert.same(count_up(1, math.min(limit, 300)), logs.drained(log, 0, { limit = limit }))
    end
    assert.same(count_up(101, 150), logs.drained(log, 100, { limit = 50 }))
    assert.same({ 16, 21 }, logs.drained(log, "1:15:17-20,22", { limit = 2 }))
  end)

  it("delivers some tables only", function()
    must(log, [[INSERT INTO forge_change_log (table_name, op, created_at)
      SELECT (ARRAY['a', 'b', 'it''s "c"\d', 's.t'])[1 + g % 4], 'INSERT', now()
        FROM generate_series(1, 1000) g]])
    local function tables(...) return logs.drained(log, 0, { tables = { ... } }) end
    assert.same({}, logs.drained(log, 500, { tables = { "item" } }))
    assert.equal(250, #tables("a"))
    assert.same({ 2, 6 }, logs.drained(log, 0, { tables = { 'it\'s "c"\\d' }, limit = 2 }))
    assert.equal(500, #tables('it\'s "c"\\d', "s.t"))
    assert.equal(1000, #tables("a", "b", 'it\'s "c"\\d', "s.t"))
  end)

  it("delivers some ops only", function()
    for _, name in ipairs({ "a", "b" }) do
      for _, op in ipairs({ "INSERT", "UPDATE", "DELETE", "TRUNCATE", "RELOAD" }) do
        must(log, [[INSERT INTO forge_change_log (table_name, op, created_at)
          VALUES ($1, $2, now())]], name, op)
      end
    end
    local function ops(...) return logs.drained(log, 0, { ops = { ... } }) end
    assert.same({}, ops())
    assert.same({ 3, 8 }, ops("DELETE"))
    assert.same({ 1, 4, 5, 6, 9, 10 }, ops("INSERT", "TRUNCATE", "RELOAD"))
    assert.same(count_up(1, 10), ops("INSERT", "UPDATE", "DELETE", "TRUNCATE", "RELOAD"))
    assert.same({ 7, 8 }, logs.drained(log, 0, { ops = { "UPDATE", "DELETE" }, tables = { "b" } }))
    assert.same({ 8 }, logs.drained(log, 3, { ops = { "DELETE" }, limit = 1 }))
  end)

  it("delivers UPDATEs of some columns only, beside all else", function()
    local lists = { "price", "price,vat", "vat,price", "my price", "prices", "price x", "Price",
      '"price"', '"a,price,b"', '"a,"",price,"""', '"a,b",price', '"say ""x"""', '"""",a', '""""""',
      "a.c", "abc", "a\\c", "ä" }
    for _, list in ipairs(lists) do
      must(log, [[INSERT INTO forge_change_log (table_name, op, changed_cols, created_at)
        VALUES ('t', 'UPDATE', $1, now())]], list)
    end
    must(log, [[INSERT INTO forge_change_log (table_name, op, changed_cols, created_at) VALUES
      ('t', 'UPDATE', NULL, now()), ('t', 'UPDATE', '', now()), ('t', 'INSERT', NULL, now()),
      ('t', 'TRUNCATE', NULL, now())]])
    local function columns(...)
      local found = {}
      for change in log:drain(0, { columns = { ... } }) do
        if change.op == "UPDATE" then found[#found + 1] = change.changed_cols end
      end
      return found
    end
    assert.same({ "price", "price,vat", "vat,price", '"price"', '"a,b",price' }, columns("price"))
    assert.same({ "price,vat", "vat,price" }, columns("vat"))
    assert.same({ '"a,b",price' }, columns("a,b"))
    assert.same({ '"a,price,b"' }, columns("a,price,b"))
    assert.same({ '"a,"",price,"""' }, columns('a,",price,"'))
    assert.same({ '"say ""x"""', "a.c" }, columns('say "x"', "a.c"))
    assert.same({ '"""",a' }, columns('"'))
    assert.same({ '""""""' }, columns('""'))
    assert.same({ "a\\c", "ä" }, columns("a\\c", "ä"))
    assert.same({ "my price" }, columns("my price"))
    assert.same({}, columns("nosuch", "b", "x", "rice", "pric", ".*"))
    assert.same({}, columns())
    assert.same({ #lists + 3, #lists + 4 }, logs.drained(log, 0, { columns = { "nosuch" } }))
    assert.same({ 1, 2 }, logs.drained(log, 0, { columns = { "price" }, ops = { "UPDATE" },
      limit = 2 }))
  end)

  it("delivers changes of some keys only, and what concerns all rows", function()
    must(log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at) VALUES
      ('a', 'INSERT', '1', now()), ('a', 'UPDATE', '2', now()), ('b', 'DELETE', '1', now()),
      ('b', 'INSERT', '["1", "it''s, \"x\""]', now()), ('a', 'TRUNCATE', NULL, now()),
      ('a', 'RELOAD', NULL, now()), ('c', 'INSERT', NULL, now()), ('a', 'INSERT', '11', now())]])
    local function keys(...) return logs.drained(log, 0, { keys = { ... } }) end
    assert.same({ 1, 3, 5, 6 }, keys("1"))
    assert.same({ 1, 2, 3, 5, 6 }, keys("1", "2"))
    assert.same({ 4, 5, 6 }, keys([=[["1", "it's, \"x\""]]=]))
    assert.same({ 5, 6 }, keys("nosuch"))
    assert.same({ 5, 6 }, keys())
    assert.same({ 1 }, logs.drained(log, 0, { keys = { "1" }, ops = { "INSERT", "DELETE" },
      tables = { "a" } }))
  end)

  it("leaves the connection to the program: statements inside the loop", function()
    logs.fill(log, 5000)
    local n = 0
    for change in log:drain() do
      n = n + 1
      assert.equal(n, change.seq)
      if n % 500 == 3 then
        assert.equal(n, must(log, "SELECT $1::int AS n", n)[1].n)
        must(log, "INSERT INTO item (n) VALUES ($1)", n)
        assert.is_nil((log:query("SELECT 1 / 0")))
        assert.equal(1, log:min_seq())
        assert.is_false(log:gap(n))
      end
    end
    assert.equal(5000, n) -- what the loop itself has written is for the next drain
    assert.same(count_up(5001, 5010), logs.drained(log, 5000))
  end)

  it("can be left by break, by an error, or forgotten", function()
    logs.fill(log, 5000)
    for _ = 1, 20 do
      local n = 0
      for _ in log:drain() do
        n = n + 1
        if n == 700 then break end
      end
      assert.is_false((pcall(function()
        for _ in log:drain() do error("stop") end
      end)))
      log:drain(17)()
      assert.equal(1, must(log, "SELECT 1 AS n")[1].n)
    end
    assert.same(count_up(1, 5000), logs.drained(log))
  end)

  it("can run inside another one's loop on the same log", function()
    logs.fill(log, 6000)
    local outer = {}
    for change in log:drain() do
      outer[#outer + 1] = change.seq
      if change.seq % 1000 == 77 then
        assert.same(count_up(change.seq + 1, 6000), logs.drained(log, change.seq))
      elseif change.seq % 1000 == 500 then
        for inner in log:drain(3000, { tables = { "item" } }) do
          if inner.seq == 3500 then break end
        end
      end
    end
    assert.same(count_up(1, 6000), outer)
  end)

  it("can be taken in turns with another one on the same log", function()
    logs.fill(log, 20000)
    for _, step in ipairs({ { 1, 1, 400 }, { 64, 64, 20000 }, { 1000, 2500, 20000 } }) do
      local one, other = log:drain(), log:drain(0, { tables = { "item" } })
      local first, second, ended = {}, {}, false
      local function take(list, iterator, count)
        for _ = 1, count do
          local change = iterator()
          ended = ended or not change
          list[#list + 1] = change and change.seq
        end
      end
      while not ended and #first < step[3] do
        take(first, one, step[1])
        take(second, other, step[2])
      end
      take(first, one, 20000 - #first)
      take(second, other, 20000 - #second)
      assert.same(count_up(1, 20000), first)
      assert.same(count_up(1, 20000), second)
      assert.is_nil(one())
    end
  end)

  it("works in a READ COMMITTED transaction", function()
    logs.fill(log, 10)
    must(log, "BEGIN")
    assert.same(count_up(1, 10), logs.drained(log))
    local other = logs.connect(db)
    logs.fill(other, 5)
    assert.same(count_up(11, 15), logs.drained(log, 10))
    other:close()
    must(log, "COMMIT")
  end)

  for _, level in ipairs({ "REPEATABLE READ", "SERIALIZABLE" }) do
    it("is refused in a " .. level .. " transaction, which sees nothing new", function()
      logs.fill(log, 10)
      must(log, "BEGIN ISOLATION LEVEL " .. level)
      local err = logs.drain_error(log)
      assert.equal("schema", err.kind)
      assert.matches("REPEATABLE READ", err.message, 1, true)
      must(log, "ROLLBACK; SET default_transaction_isolation = '" .. level:lower() .. "'")
      assert.same(count_up(1, 10), logs.drained(log))
      must(log, "BEGIN")
      assert.equal("schema", logs.drain_error(log).kind)
      must(log, "ROLLBACK")
    end)
  end

  it("ends with an error when the log is closed in its loop", function()
    logs.fill(log, 1000)
    local ok, err = pcall(function()
      for change in log:drain() do
        if change.seq == 10 then log:close() end
      end
    end)
    assert.is_false(ok)
    assert.equal("closed", err.kind)
    log = logs.connect(db)
  end)
end)

describe("seqs above 2^53", function()
  local db, log
  setup(function()
    db, log = logs.installed()
    must(log, "SELECT setval('forge_change_log_seq_seq', 9007199254740991)")
    logs.fill(log, 2001) -- the first is 2^53
  end)
  teardown(function() log:close(); support.drop(db) end)

  if has_integers then
    it("are delivered exactly", function()
      local top = 9007199254740992
      assert.same(count_up(top, top + 2000), logs.drained(log))
      assert.same({ top + 2000 }, logs.drained(log, top + 1999))
      assert.equal(top + 2000, log:max_seq())
      assert.equal(top + 2000, (log:horizon()))
      local one, other = log:drain(), log:drain()
      for i = 0, 2000 do
        assert.equal(top + i, one().seq)
        assert.equal(top + i, other().seq)
      end
    end)
  else
    it("are an error, not a rounded number", function()
      local err, seqs = logs.drain_error(log)
      assert.matches("2^53", tostring(err), 1, true)
      assert.is_true(#seqs <= 1)
      for _, ask in ipairs({ "max_seq", "horizon" }) do
        local told = { pcall(log[ask], log) }
        assert.is_true(not told[1] or told[2] == nil, ask .. " rounds")
        assert.matches("2^53", tostring(told[1] and told[3] or told[2]), 1, true)
      end
      assert.has_error(function() log:drain(2 ^ 53 + 2) end)
    end)
  end
end)
