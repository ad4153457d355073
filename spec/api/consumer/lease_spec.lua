-- The lease on a consumer's name: who has it works alone, whoever stands between it and the server;
-- who has slept through it saves nothing more.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local lease = require "forgelog.consumer.lease"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local code, must, handle, settle = consumers.code, logs.must, consumers.handle, consumers.settle

-- The stores, of which each place in a spec has its own.
local STORES = {
  table = function() return consumer.table() end,
  file = function(path) return consumer.file(path) end,
}

describe("the lease on a consumer's name", function()
  local at, between
  before_each(function() at = consumers.start() end)
  after_each(function()
    if between then between:stop() end
    between = nil
    at:close()
  end)

  local function pooled(options)
    between = between or pooler.start(at.db)
    local all = { conninfo = between.conninfo, listen = false, position = consumer.table() }
    for name, value in pairs(options or {}) do all[name] = value end
    return at:writer(all)
  end

  for name, make in pairs(STORES) do
    for _, transaction in ipairs(name == "table" and { true, false } or { false }) do
      local how = name .. (transaction and ", in one transaction" or "")
      it("is taken over when its time is over, and what its sleeper does is not saved: " .. how,
        function()
          local path, works = support.path("position"), 0
          local options = { position = make(path), transaction = transaction or nil, lease = 0.8,
            batch = 20 }
          at:add(10)
          local second = at:writer(options)
          options.on_changes = function(changes, log)
            works = works + 1
            consumers.write(changes, log)
            if works > 1 then return end
            assert.equal("name_taken", code(second, 0.01))
            handle(second, 10) -- while this one sleeps
            at:add(5)
            handle(second, 5)
          end
          local first, seen = at:writer(options)
          local _, err = first:step(5)
          assert.equal("superseded", err.code)
          assert.equal("name_taken", code(first, 0.1))
          assert.matches("another consumer named one is running (pid", seen.errors[2].err.message,
            1, true)
          second:close()
          at:add(1)
          handle(first, 1)
          assert.same({ n = transaction and 16 or 26, different = 16 }, at:effects())
        end)
    end
  end

  it("lasts while it is renewed, whether changes come or not", function()
    local one = pooled { lease = 0.4 }
    local other = pooled { lease = 0.4 }
    settle(one)
    local until_then, taken = core.now() + 1.5, 0
    while core.now() < until_then do
      one:step(0.05)
      if select(2, other:step(0)).code == "name_taken" then taken = taken + 1 end
    end
    assert.is_true(taken > 3, tostring(taken))
    assert.same({}, one:stats().last_error or {})
  end)

  it("counts from when it was asked for, whenever the answer is seen", function()
    local log, conn = logs.connect(at.db), at.log.connection
    assert(conn:locate())
    assert(log.connection:locate())
    local asleep = setmetatable({ run = function(_, ...)
      local rows, err = conn:run(...)
      logs.pause(0.4) -- in which the answer is there
      return rows, err
    end }, { __index = function(_, name)
      return function(_, ...) return conn[name](conn, ...) end
    end })
    local one, other = lease.new("one", 0.3, false), lease.new("one", 10, false)
    assert.is_true(one:take(asleep))
    assert.is_true(other:take(log.connection))
    assert.equal("superseded", select(2, one:prove(conn)).code)
    log:close()
  end)

  it("takes some time", function()
    assert.error_matches(function() at:make { lease = 0 } end, "lease must be more than 0 seconds")
  end)

  it("is as long as the longest work that was done under it", function()
    local slow, works = pooled { lease = 0.1, on_changes = function() core.poll(nil, "", 0.3) end },
      0
    local other = pooled { lease = 0.1, on_changes = function() works = works + 1 end }
    at:add(10)
    handle(slow, 10)
    local deadline = core.now() + 0.6
    while core.now() < deadline do other:step(0.02) end
    assert.equal(0, works)
    at:add(1)
    handle(other, 1)
    assert.equal(1, works)
  end)

  it("is free at once behind a pooler when its consumer ends in order", function()
    at:add(3)
    local one, other = pooled { lease = 60 }, pooled { lease = 60 }
    handle(one, 3)
    assert.equal("name_taken", code(other, 0.2))
    one:close()
    at:add(2)
    local began = core.now()
    handle(other, 2)
    assert.is_true(core.now() - began < 5)
    assert.same({ n = 5, different = 5 }, at:effects())
  end)

  it("is free at once for others on its machine when its program was killed", function()
    at:add(3)
    between = pooler.start(at.db)
    local running = support.lua([[
      local consumer = require "forgelog.consumer"
      consumer.new { conninfo = ..., listen = false, name = "one", lease = 600,
        position = consumer.table(), on_changes = function(changes, log)
          for _, change in ipairs(changes) do
            assert(log:query("INSERT INTO effect VALUES ($1)", change.seq))
          end
        end }:run()]], between.conninfo)
    support.wait_until(function() return at:effects().n == 3 end, "the program's work")
    local other = pooled { lease = 600 }
    assert.equal("name_taken", code(other, 0.2))
    running:kill("KILL")
    running:wait()
    at:add(2)
    handle(other, 2)
    assert.same({ n = 5, different = 5 }, at:effects())
  end)

  it("is taken from a session that keeps its row locked, when its time is over, and not before",
    function()
      at:add(1)
      local dead = logs.connect(at.db)
      local held = lease.new("one", 1)
      assert(held:take(dead.connection))
      must(dead, "BEGIN; UPDATE forge_change_log_consumers SET asked = asked WHERE name = 'one'")
      local one = at:writer { position = consumer.table() }
      assert.equal("name_taken", code(one, 0.1))
      assert(dead:query("SELECT 1"))
      handle(one, 1)
      assert.is_nil((dead:query("SELECT 1")))
      dead:close()
    end)

  it("leaves nothing behind of a consumer that keeps its position elsewhere", function()
    local one = at:writer { position = consumer.memory() }
    settle(one)
    local count = "SELECT count(*) AS n FROM forge_change_log_consumers"
    assert.equal(1, must(at.log, count)[1].n)
    one:close()
    assert.equal(0, must(at.log, count)[1].n)
  end)

  it("is not given where an older program has locked the name, nor where it may not be written",
    function()
      local old = logs.connect(at.db)
      must(old, [[SELECT pg_advisory_lock(x'464F5247'::int,
        hashtext('forge_change_log'::regclass::oid::text || 'one'))]])
      at:add(2)
      local one = at:writer { position = consumer.table() }
      assert.equal("name_taken", code(one, 0.1))
      old:close()
      handle(one, 2)
      one:close()
      local role = logs.role(at.log,
        "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
      local conninfo = at.db:gsub("user=%S+", "user=" .. role)
      local first = at:make { conninfo = conninfo, name = "two" }
      settle(first)
      local second = at:make { conninfo = conninfo, name = "two" }
      assert.equal("name_taken", code(second, 0.1))
      first:close()
      second:close()
      must(at.log, "GRANT SELECT, DELETE ON forge_change_log_consumers TO " .. role)
      local log = logs.connect(conninfo)
      local leased = at:writer { name = "one", position = consumer.table() }
      settle(leased)
      assert.equal("name_taken", select(2, consumer.forget(log, "one")).code)
      leased:close()
      assert.matches("^%d+:2", consumer.forget(log, "one"))
      log:close()
      must(at.log, "DROP OWNED BY " .. role)
    end)

  it("is not asked for where the session may only read, or rows are hidden from it", function()
    local role = logs.role(at.log, [[GRANT SELECT ON forge_change_log, forge_change_log_state TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_consumers TO %s]])
    local conninfo = at.db:gsub("user=%S+", "user=" .. role)
    local function works(name, how)
      local one = at:make { conninfo = conninfo .. (how or ""), name = name }
      settle(one)
      local other = at:make { conninfo = conninfo .. (how or ""), name = name }
      assert.equal("name_taken", code(other, 0.1))
      one:close()
      other:close()
    end
    works("one", " options='-c default_transaction_read_only=on'")
    must(at.log, "ALTER TABLE forge_change_log_consumers ENABLE ROW LEVEL SECURITY")
    works("two")
    must(at.log, "CREATE POLICY all_rows ON forge_change_log_consumers USING (true)")
    works("three")
    assert.same({ { name = "three" } }, must(at.log, "SELECT name FROM forge_change_log_consumers"))
    must(at.log, "DROP OWNED BY " .. role)
  end)

  it("is waited for while the server only reads, as a standby does until it is promoted", function()
    local function set(value)
      must(at.log, ([[DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %%I SET default_transaction_read_only = %s',
          current_database()); END $$]]):format(value))
    end
    local one = at:make { name = "one" }
    settle(one)
    set("on")
    at:terminate(one)
    local err
    support.wait_until(function()
      err = select(2, one:step(0.3))
      return err.last_error and err.last_error.sqlstate == "25006"
    end, "the server's word")
    assert.same({ "not_connected", true }, { err.code, one:passes(err) })
    set("off")
    at:terminate(one)
    at:add(1)
    handle(one, 1)
  end)

  it("has the consumer rest while it is paused from outside", function()
    local pause = [[UPDATE forge_change_log_consumers SET paused_at = %s, asked = asked + 1
      WHERE name = 'one']]
    at:add(3)
    local one = at:writer { position = consumer.table() }
    handle(one, 3)
    must(at.log, pause:format("now()"))
    support.wait_until(function() return select(2, one:step(0.1)).code == "paused" end, "the pause")
    at:add(4)
    for _ = 1, 3 do assert.equal("paused", code(one, 0.1)) end
    assert.same({ n = 3, different = 3 }, at:effects())
    one:close() -- it stays so
    assert.equal("paused", code(one, 0.5))
    must(at.log, pause:format("NULL"))
    handle(one, 4)
    assert.same({ n = 7, different = 7 }, at:effects())
  end)

  it("is not known to be ours by an answer that came before this program slept", function()
    local sleeps = false
    local other = lease.new("one", 5, true)
    local log = logs.connect(at.db, { wait = { now = core.now, wait = function(fd, events, seconds)
      local ready = core.poll(fd, events, seconds)
      if sleeps and ready then -- the answer is here, and nobody looks at it
        sleeps = false
        support.wait_until(function() return other:take(at.log.connection) end, "the lease")
      end
      return ready
    end } })
    assert(log.connection:locate())
    local own = lease.new("one", 0.5, true)
    assert(own:take(log.connection))
    sleeps = true
    -- An answer may be here before anybody waits for it.
    repeat assert.is_true(own:renew(log.connection)) until not sleeps
    local ours, err = own:prove(log.connection)
    assert.same({ nil, "superseded" }, { ours, err and err.code })
    log:close()
  end)
end)
