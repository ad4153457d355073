-- Where consumers keep their positions; one consumer of a name at a time; effects exactly once.
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local feeds = require "support.feeds"
local load = require "support.load"
local support = require "support"

local must = load.must

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

describe("the file store", function()
  local path, store
  before_each(function()
    path = support.path("position")
    store = consumer.file(path)
  end)
  after_each(function() os.remove(path) end)

  it("keeps a position, and has none before", function()
    assert.same({}, { store.load() })
    assert.is_true(store.save(nil, "x", "1:15"))
    assert.equal("1:15", store.load())
    assert.is_true(store.save(nil, "x", "1:15:17-20,22"))
    assert.equal("1:15:17-20,22", consumer.file(path).load())
    write(path, "1:16\n") -- by hand
    assert.equal("1:16", store.load())
    assert.is_nil(read(path .. ".new"))
  end)

  it("says what is wrong with the file, and never takes garbage for a position", function()
    for _, garbage in ipairs { "", "banana", "1:2:", "1:15:3-2", "12 13" } do
      write(path, garbage)
      local position, err = store.load()
      assert.is_nil(position)
      assert.equal("query", err.kind)
      assert.matches(path, err.message, 1, true)
    end
    local ok, err = consumer.file("/nowhere/position").save(nil, nil, "1:1")
    assert.is_nil(ok)
    assert.matches("/nowhere/position: No such file or directory", err.message, 1, true)
    assert.same({}, { consumer.file("/nowhere/position").load() })
    assert.matches("directory", select(2, consumer.file("/").load()).message:lower(), 1, true)
  end)

  it("leaves the old position when a new one cannot be written", function()
    assert.is_true(store.save(nil, nil, "1:15"))
    assert(support.run("mkdir " .. path .. ".new"))
    assert.is_nil((store.save(nil, nil, "1:16")))
    assert.equal("1:15", store.load())
    assert(support.run("rmdir " .. path .. ".new"))
  end)

  it("is synced before it is renamed", function()
    local ok, trace = support.run(("strace -f -e trace=write,fsync,rename,openat %s -e '%s' 2>&1"):format(
      os.getenv("FORGELOG_LUA"), ("require([[forgelog.core]]).save([[%s]], [[1:15]])"):format(path)))
    if not ok then return pending("strace is not to be had here") end
    local calls = {}
    for call in trace:gmatch("%f[%a](%a+)%([^\n]*") do
      if call ~= "openat" then calls[#calls + 1] = call end
    end
    assert.matches("write fsync rename fsync$", table.concat(calls, " ")
      :gsub(" ?write$", ""))
  end)
end)

describe("a consumer's position", function()
  local db, log, made
  before_each(function()
    db, log = load.installed()
    must(log, "CREATE TABLE effect (seq bigint)")
    made = {}
  end)
  after_each(function()
    for _, each in ipairs(made) do each:close() end
    log:close()
    support.drop(db)
  end)

  local function make(options)
    local all = { conninfo = db, name = "one", backoff = 0.01, backoff_max = 0.1, poll = 0.2, batch = 10,
      on_changes = function(changes, own)
        for _, change in ipairs(changes) do must(own, "INSERT INTO effect VALUES ($1)", change.seq) end
      end }
    for name, value in pairs(options or {}) do all[name] = value end
    made[#made + 1] = consumer.new(all)
    return made[#made]
  end

  local function effects()
    return must(log, "SELECT count(*) AS n, count(DISTINCT seq) AS different FROM effect")[1]
  end

  -- Steps until a number of changes has been handled in all.
  local function handle(one, count)
    local deadline = core.now() + 20
    while count > 0 do
      count = count - (one:step(0.3) or 0)
      assert(core.now() < deadline, "the changes were not handled")
    end
  end

  it("is saved by a store of the user's own, which may fail and raise", function()
    load.fill(log, 20)
    local saved, calls, errors = nil, 0, {}
    local own = {
      load = function(_, name)
        assert(name == "one")
        return saved
      end,
      save = function(_, name, position, last)
        calls = calls + 1
        if calls == 1 then error("raised") end
        if calls == 2 then return nil, "refused" end
        if calls == 3 then return nil, core.error("query", "as ours do") end
        if calls == 4 then return false end
        assert(name == "one" and last == saved)
        saved = position
        return true
      end,
    }
    local one = make { position = own, on_error = function(err) errors[#errors + 1] = err.message end }
    handle(one, 20)
    assert.matches("the store raised: .*raised", errors[1])
    assert.matches("refused", errors[2], 1, true)
    assert.equal("as ours do", errors[3])
    assert.equal(4, #errors)
    assert.matches("^%d+:20$", saved)
    one:close()
    load.fill(log, 1)
    one = make { position = own }
    handle(one, 1)
    assert.same({ n = 61, different = 21 }, effects()) -- five times the first batch
    one:close()
    own.load = function() error("no disk") end
    assert.matches("no disk", select(2, make({ position = own }):run()).message, 1, true)
  end)

  it("is in the table beside the log, with its name", function()
    load.fill(log, 15)
    local one = make { position = consumer.table() }
    handle(one, 15)
    local row = must(log, "SELECT name, position, updated_at > now() - interval '1 minute' AS fresh"
      .. " FROM forge_change_log_consumers")[1]
    assert.same({ name = "one", position = one:stats().position, fresh = true }, row)
    one:close()
    load.fill(log, 1)
    handle(make { position = consumer.table() }, 1)
    must(log, "DROP TABLE forge_change_log_consumers")
    assert.equal("42P01", select(2, make({ name = "two", position = consumer.table() }):run()).sqlstate)
  end)

  it("commits with the work, or neither does", function()
    load.fill(log, 30)
    local tries = 0
    local one = make { position = consumer.table(), transaction = true, on_changes = function(changes, own)
      tries = tries + 1
      for _, change in ipairs(changes) do must(own, "INSERT INTO effect VALUES ($1)", change.seq) end
      if tries == 2 then error("after the work") end
      if tries == 3 then own:query("SELECT 1 / 0") end -- the transaction is aborted, the handler does not notice
      if tries == 4 then own:query("SELECT pg_terminate_backend(pg_backend_pid())") end
    end }
    handle(one, 30)
    assert.equal(6, tries)
    assert.same({ n = 30, different = 30 }, effects())
  end)

  it("is right when the connection breaks at its COMMIT, whether that took place or not", function()
    for _, committed in ipairs { true, false } do
      must(log, "TRUNCATE effect")
      load.fill(log, 10)
      local one = make { position = consumer.table(), transaction = true }
      local broken = 0
      local step = one.step
      local table_store = one._store
      one._store = setmetatable({ save = function(own, ...)
        local ok, err = table_store.save(own, ...)
        if ok and broken == 0 then
          broken = 1
          if committed then must(own, "COMMIT") end -- done, but the answer is lost
          feeds.terminate(log, own._core:known().backend)
        end
        return ok, err
      end }, { __index = table_store })
      local deadline = core.now() + 10
      repeat step(one, 0.2) until effects().n >= 10 and one._state == "take" or core.now() > deadline
      assert.equal("timeout", select(2, step(one, 0.3)).kind)
      assert.equal(1, broken)
      assert.same({ n = 10, different = 10 }, effects())
      assert.equal(1, one:stats().reconnects)
      one:close()
    end
  end)

  it("belongs to one consumer of a name: the second waits until the first has gone, or is refused", function()
    load.fill(log, 10)
    local first = make { position = consumer.table() }
    handle(first, 10)
    local refused = make { position = consumer.table(), exclusive = "refuse" }
    local ok, err = refused:run()
    assert.is_nil(ok)
    assert.equal("55P03", err.sqlstate)
    assert.matches("another consumer named one is running", err.message, 1, true)
    local second = make { position = consumer.table() }
    for _ = 1, 3 do assert.is_nil((second:step(0.1))) end
    handle(make { name = "other" }, 10) -- another name is another consumer
    load.fill(log, 10)
    feeds.terminate(log, first._log._core:known().backend) -- its name is free for a moment; whoever takes it has it
    handle(second, 10)
    assert.is_nil((first:step(0.3)))
    load.fill(log, 10)
    assert.is_nil((first:step(0.3)))
    handle(second, 10)
    second:close()
    load.fill(log, 10)
    handle(first, 10)
    local counts = effects()
    assert.equal(40, counts.different)
    assert.equal(50, counts.n) -- the first ten also by the other name
  end)

  it("is never moved by two at once where names cannot be claimed", function()
    load.fill(log, 40)
    local options = { position = consumer.table(), transaction = true, listen = false }
    local first, second = make(options), make(options)
    local deadline = core.now() + 20
    repeat
      first:step(0.05)
      second:step(0.05)
    until effects().n >= 40 or core.now() > deadline
    assert.same({ n = 40, different = 40 }, effects())
  end)
end)
