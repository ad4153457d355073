-- The lanes of a consumer: each change is one lane's, those of a key in order; how many there are
-- is written down, and changed without loss. And what is done to a whole consumer from outside.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"

local must, handle, settle = logs.must, consumers.handle, consumers.settle

describe("the lanes of a consumer", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  -- Consumers of n lanes that note in which order they are handed the changes of each key.
  local function make(count, options)
    local all, seen = {}, { keys = {}, lanes = {}, seqs = {}, whole = 0 }
    for i = 1, count do
      local own = { name = "one", position = consumer.table(), share = i .. "/" .. count,
        on_changes = function(changes)
          for _, change in ipairs(changes) do
            if not change.row_id then
              seen.whole = seen.whole + 1
            else
              local key = change.row_id
              assert.is_true((seen.keys[key] or 0) < change.seq, "out of order")
              seen.keys[key], seen.seqs[change.seq] = change.seq, (seen.seqs[change.seq] or 0) + 1
              assert.is_true((seen.lanes[key] or i) == i, "in two lanes")
              seen.lanes[key] = i
            end
          end
        end }
      for name, value in pairs(options or {}) do own[name] = value end
      all[i] = at:make(own)
    end
    return all, seen
  end

  local function all_settle(all)
    for _, each in ipairs(all) do settle(each) end
  end

  -- How many seqs were handed out, and how many of them twice.
  local function tally(seen)
    local n, twice = 0, 0
    for _, times in pairs(seen.seqs) do
      n, twice = n + 1, twice + (times > 1 and 1 or 0)
    end
    return n, twice
  end

  it("share all changes, each key in one lane and in order; a TRUNCATE is told to each", function()
    local all, seen = make(4)
    must(at.log, [[INSERT INTO item SELECT i, 0 FROM generate_series(1, 200) i;
      UPDATE item SET n = n + 1; UPDATE item SET n = n + 1; DELETE FROM item; TRUNCATE item]])
    all_settle(all)
    assert.same({ 800, 0 }, { tally(seen) })
    assert.equal(4, seen.whole)
    local used = {}
    for _, lane in pairs(seen.lanes) do used[lane] = (used[lane] or 0) + 1 end
    for i = 1, 4 do assert.is_true((used[i] or 0) > 20, "lane " .. i .. " is idle") end
    for _, each in ipairs(all) do each:close() end
    local again, later = make(4)
    all_settle(again)
    assert.equal(0, (tally(later)))
  end)

  it("are as many as the first program said, until all are stopped and told otherwise", function()
    local four = make(4)
    all_settle(four)
    local function refused(options)
      local one = at:make(options)
      local _, err = one:step(5)
      assert.same({ "lanes", 4, false }, { err.code, err.lanes, one:passes(err) })
      assert.matches("forgelog lanes one", err.message, 1, true)
      one:close()
    end
    refused { name = "one", position = consumer.table(), share = "1/3" }
    refused { name = "one", position = consumer.table() }
    local count, err = consumer.lanes(at.log, "one", 3)
    assert.same({ nil, "name_taken" }, { count, err.code })
    for _, each in ipairs(four) do each:close() end
    assert.equal(4, (assert(consumer.lanes(at.log, "one", 3))))
    local three = make(3)
    all_settle(three)
    four = make(4)
    assert.equal("lanes", select(2, four[2]:step(5)).code)
    assert.equal(3, consumer.lanes(at.log, "one"))
  end)

  it("change their number without loss, whatever each has done", function()
    local four, seen = make(4)
    must(at.log, "INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i")
    all_settle(four)
    must(at.log, "UPDATE item SET n = n + 1")
    settle(four[1]); settle(four[3])
    for _, each in ipairs(four) do each:close() end
    must(at.log, "UPDATE item SET n = n + 1")
    local was, from = consumer.lanes(at.log, "one", 2)
    assert.equal(4, was)
    assert.matches("^%d+:100@", from) -- what all of them rest on
    for _, n in ipairs { 2, 1 } do
      local some, anew = make(n, n == 1 and { share = "1/1" } or nil)
      for seq, times in pairs(seen.seqs) do anew.seqs[seq] = times end
      all_settle(some)
      assert.equal(n == 2 and 300 or 400, (tally(anew)))
      for _, each in ipairs(some) do each:close() end
      seen = anew
      must(at.log, "UPDATE item SET n = n + 1")
      if n == 2 then assert.equal(2, (assert(consumer.lanes(at.log, "one", 1)))) end
    end
    assert.equal(1, consumer.lanes(at.log, "one"))
    local back = make(4)
    assert.equal("lanes", select(2, back[1]:step(5)).code)
    back[1]:close()
    assert.equal(1, (assert(consumer.lanes(at.log, "one", 4))))
    local last
    back, last = make(4)
    all_settle(back)
    assert.same({ 100, 0 }, { tally(last) })
  end)

  for _, start in ipairs { "now", "beginning" } do
    it("begin together, although one is started later: " .. start, function()
      at:add(5)
      local all, seen = make(3, { start = start })
      assert.is_truthy(all[1]:step(1) or start == "beginning")
      must(at.log, "INSERT INTO item SELECT i, 0 FROM generate_series(101, 160) i")
      all_settle(all)
      assert.equal(start == "now" and 60 or 65, (tally(seen)))
    end)
  end

  it("keep a batch of which the function key raises", function()
    local raises = true
    local all, seen = make(2, { key = function(change)
      if raises then error("no key", 0) end
      return change.row_id
    end })
    must(at.log, "INSERT INTO item SELECT i, 0 FROM generate_series(1, 20) i")
    for _, each in ipairs(all) do
      local _, err = each:step(5)
      assert.same({ "handler_failed", "no key", true }, { err.code, err.raised, each:passes(err) })
      each:close()
    end
    assert.equal(0, (tally(seen)))
    raises = false
    all_settle(all)
    assert.same({ 20, 0 }, { tally(seen) })
  end)

  it("save their position while changes of others only come", function()
    local saved = "SELECT max(position) AS position FROM forge_change_log_consumers"
    local first, moved
    local share = core.hash("x") % 2 == 0 and "2/2" or "1/2"
    local one = at:make { name = "one", position = consumer.table(), share = share,
      key = function()
        local now = must(at.log, saved)[1].position
        first = first or now
        moved = first ~= nil and now ~= first
        if not moved then at:add(1) end
        return "x"
      end }
    at:add(1)
    one:step(5)
    assert.is_true(moved)
  end)

  it("that are started after a trim has passed the place where they began are told so", function()
    local all = make(2, { start = "now" })
    settle(all[1])
    at:add(20)
    settle(all[1])
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 15")
    local _, err = all[2]:step(1)
    assert.same({ "gap", "trimmed" }, { err.kind, err.reason })
  end)

  it("are refused where there is no place for them, and as misuse", function()
    local nothing = function() end
    local function refuses(message, options)
      options.on_changes = nothing
      assert.error_matches(function() consumer.new(options) end, message)
    end
    for _, share in ipairs { "0/4", "5/4", "2", "2/", "a/b", "1/2000" } do
      refuses("share must be a lane and how many there are",
        { name = "one", position = consumer.table(), share = share })
    end
    refuses("share needs a name", { share = "1/2" })
    refuses("share needs position = consumer.table", { share = "1/2", name = "one" })
    local role = logs.role(at.log, [[GRANT SELECT ON forge_change_log, forge_change_log_state TO %s;
      GRANT SELECT ON forge_change_log_consumers TO %s]])
    local one = at:make { conninfo = at.db:gsub("user=%S+", "user=" .. role), name = "one",
      position = consumer.table(), share = "1/2" }
    assert.equal("no_leases", select(2, one:step(1)).code)
    one:close()
    must(at.log, "DROP OWNED BY " .. role)
  end)
end)

describe("a consumer as a whole", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  local function start(count)
    local all = {}
    for i = 1, count do
      all[i] = at:writer { position = consumer.table(), share = i .. "/" .. count }
    end
    return all
  end

  for _, count in ipairs { 1, 3 } do
    it("is rewound, unless it runs or changes are gone, with lanes: " .. count, function()
      at:add(30)
      local all = start(count)
      for _, each in ipairs(all) do settle(each) end
      local ok, err = consumer.rewind(at.log, "one", 10)
      assert.same({ nil, "name_taken" }, { ok, err.code })
      for _, each in ipairs(all) do each:close() end
      local was
      ok, was = consumer.rewind(at.log, "one", 10)
      assert.is_true(ok)
      assert.matches("^%d+:30", was)
      for _, each in ipairs(all) do settle(each) end
      assert.same({ n = 50, different = 30 }, at:effects())
      for _, each in ipairs(all) do each:close() end
      must(at.log, "DELETE FROM forge_change_log WHERE seq <= 12")
      ok, err = consumer.rewind(at.log, "one", 10)
      assert.same({ nil, "gap", "trimmed" }, { ok, err.kind, err.reason })
      assert.equal("reset", select(2, consumer.rewind(at.log, "one", 99)).reason)
      assert.equal("no_consumer", select(2, consumer.rewind(at.log, "two", 20)).code)
    end)

    it("is paused and goes on, and is forgotten, with lanes: " .. count, function()
      at:add(10)
      local all = start(count)
      for _, each in ipairs(all) do settle(each) end
      assert.same({ true, false }, { consumer.pause(at.log, "one") })
      assert.same({ true, true }, { consumer.pause(at.log, "one") })
      for _, each in ipairs(all) do
        local deadline = os.time() + 10
        repeat
          local _, err = each:step(0.2)
        until err.code == "paused" or os.time() > deadline
      end
      at:add(10)
      for _, each in ipairs(all) do assert.equal("paused", consumers.code(each, 0.1)) end
      assert.equal(10, at:effects().n)
      assert.same({ true, true }, { consumer.resume(at.log, "one") })
      for _, each in ipairs(all) do settle(each) end
      assert.same({ n = 20, different = 20 }, at:effects())
      assert.equal("name_taken", select(2, consumer.forget(at.log, "one")).code)
      for _, each in ipairs(all) do each:close() end
      assert.matches("^%d+:20", consumer.forget(at.log, "one"))
      assert.is_false(consumer.forget(at.log, "one"))
      assert.equal("no_consumer", select(2, consumer.pause(at.log, "one")).code)
      handle(all[1], 1)
    end)
  end
end)
