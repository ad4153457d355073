-- A table is read from end to end while a standby takes over: what is done goes on, and where the
-- new server lacks what the handler has seen, the table begins anew.
local chunks = require "forgelog.consumer.filling.chunks"
local consumer = require "forgelog.consumer"
local entries = require "forgelog.consumer.filling.entries"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must, settle = logs.must, consumers.settle

describe("a backfill beside a failover,", function()
  local at, read
  before_each(function() at, read = start(), chunks.read end)
  after_each(function()
    chunks.read = read
    at:stop()
  end)

  -- A consumer that keeps a copy of the table item, which it looks up on the present primary.
  -- `on_read(n)` is called behind the n-th chunk.
  local function copier(options, on_read)
    local copy, told, n = {}, 0, 0
    local all = { resync = "backfill", batch = 50, on_resync = false,
      on_changes = function(changes)
        for _, change in ipairs(changes) do
          if change.op == "RELOAD" then
            for id in pairs(copy) do copy[id] = nil end
            told = told + 1
          elseif change.row_id then
            local row = must(at.log, "SELECT n FROM item WHERE id = $1::int", change.row_id)[1]
            copy[change.row_id] = row and row.n
          end
        end
        if changes[1].op == "READ" then
          n = n + 1
          on_read(n, copy)
        end
      end }
    for name, value in pairs(options) do all[name] = value end
    local one = at:make("copier", all)
    for _ = 1, 8 do
      logs.add_items(at.log, 50)
      at:catch_up()
      settle(one)
    end
    for id in pairs(copy) do copy[id] = nil end -- as if it were lost, hence the backfill
    assert(consumer.backfill(at.log, "copier", "item"))
    return one, copy, function() return told, n end
  end

  -- The standby takes over, and the copy is as the table is there.
  local function ends_equal(how, one, copy, counts, promoted)
    at:switch(how)
    if promoted then promoted() end
    logs.add_items(at.log, 3)
    support.wait_until(function()
      settle(one)
      return at:wrong(copy) == 0
    end, "the copy to be as the table is", 10)
    local told, n = counts()
    support.note("%d rows, wrong 0; %d chunks, told %d to read anew, resyncs %d",
      must(at.log, "SELECT count(*) AS n FROM item")[1].n, n, told, one:stats().resyncs)
    assert.equal(0, must(at.log, "SELECT count(*) AS n FROM forge_change_log_backfills")[1].n)
    return told, n
  end

  -- From here on the standby lacks all, such as a row that it will never have.
  local function part()
    at:catch_up()
    at:cut()
    must(at.log, "INSERT INTO item (id, n) VALUES (9999, 9999)")
    must(at.log, "UPDATE item SET n = 7777 WHERE id = 390")
  end

  for _, name in ipairs { "table", "file" } do
    it("goes on after it was over on the old server, with a store in a " .. name, function()
      local path = name == "file" and support.path("position") or nil
      local one, copy, counts = copier({ position = consumer[name](path) },
        function(n) if n == 3 then part() end end)
      support.wait_until(function() settle(one) return copy["9999"] end, "the backfill")
      assert.is_true((ends_equal("kill", one, copy, counts)) > 0)
    end)
  end

  it("goes on where the consumer reads the standby that takes over", function()
    local one, copy, counts = copier({ conninfo = at:on(at.standby),
      position = consumer.table { conninfo = at.both } },
      function(n) if n == 3 then part() end end)
    support.wait_until(function() one:step(0.1) return copy["9999"] end, "the backfill", 20)
    assert.is_true((ends_equal("kill", one, copy, counts)) > 0)
  end)

  -- The last rows are read when the standby has parted already, and nobody has looked for their
  -- changes.
  local function reads_what_is_lost()
    local parted
    function chunks.read(conn, entry, most)
      local chunk, err = read(conn, entry, most)
      if parted or not (chunk and chunk.over) then return chunk, err end
      parted = true
      part()
      return read(conn, entry, 1000)
    end
    local one, copy, counts = copier({}, function() end)
    support.wait_until(function() one:step(0.02, 1000) return copy["9999"] end, "the backfill", 20)
    return one, copy, counts
  end

  it("begins anew where its last rows are lost", function()
    local one, copy, counts = reads_what_is_lost()
    assert.equal(1, (ends_equal("kill", one, copy, counts)))
    assert.equal(0, one:stats().resyncs) -- the feed knows of nothing
  end)

  it("begins anew also where the first connections to the new server break", function()
    local one, copy, counts = reads_what_is_lost()
    local breaks, may, enter = 0, entries.may, entries.enter
    local function broken(f)
      return function(conn, ...)
        breaks = breaks + 1
        must(at.log, "SELECT pg_terminate_backend($1::int)", conn:fact("backend"))
        entries.may, entries.enter = may, breaks == 1 and broken(enter) or enter
        return f(conn, ...)
      end
    end
    assert.equal(1, (ends_equal("kill", one, copy, counts,
      function() entries.may = broken(may) end)))
    assert.same({ 2, 0 }, { breaks, one:stats().resyncs })
  end)

  it("goes on where it was, and tells nothing, in a switchover in order", function()
    local one, copy, counts = copier({}, function() end)
    support.wait_until(function()
      one:step(0.02)
      return select(2, counts()) >= 3
    end, "three chunks", 20)
    local told, n = ends_equal("stop", one, copy, counts)
    assert.equal(0, told)
    assert.is_true(n < 60) -- a few of its 400 rows come twice at most
  end)

  it("is not repeated later, though the new server was started again meanwhile", function()
    local one, copy, counts = copier({}, function() end)
    support.wait_until(function() settle(one) return at:wrong(copy) == 0 end, "the backfill")
    local _, before = counts()
    logs.add_items(at.log, 200) -- so that its position names rows that have settled
    settle(one)
    logs.add_items(at.log, 1)
    settle(one)
    at:catch_up()
    local told, n = ends_equal("kill", one, copy, counts, function()
      at.log:close()
      at.standby:stop()
      at.standby:start()
      at.log = logs.connect(at.both)
    end)
    assert.same({ 0, before }, { told, n })
    assert.equal(0, one:stats().resyncs)
  end)
end)
