-- Killed without mercy: consumers at random moments, the server, all its backends. Acknowledged
-- commits are handed out.
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- A consumer that writes down each change: in the table effect, or, by the file store, in a file
-- beside it.
local CONSUMER = [[
local conninfo, kind, path = ...
local consumer = require "forgelog.consumer"
local stores = {
  memory = consumer.memory, table = consumer.table, transaction = consumer.table,
  file = function() return consumer.file(path .. ".position") end,
}
local file = kind == "file" and assert(io.open(path, "a"))
consumer.new{ conninfo = conninfo, name = kind, position = stores[kind](),
  transaction = kind == "transaction",
  batch = 20, backoff = 0.02, backoff_max = 0.1, poll = 0.2,
  on_changes = function(changes, log)
    for _, change in ipairs(changes) do
      if file then
        file:write(change.seq, "\n")
      else
        assert(log:query("INSERT INTO effect VALUES ($1, $2)", kind, change.seq))
      end
    end
    if file then file:flush() end
  end }:run()
]]

-- Numbers written to a file, one a line; a line that a kill has cut off does not count.
local function numbers(path)
  local list, file = {}, assert(io.open(path))
  for number in file:read("*a"):gmatch("(%d+)\n") do list[#list + 1] = tonumber(number) end
  file:close()
  return list
end

describe("a consumer killed with -9 at random moments", function()
  local ROUNDS = support.scale(10)
  local db, log
  before_each(function()
    db, log = logs.installed()
    must(log, "CREATE TABLE effect (kind text, seq bigint)")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  -- What came of each seq, after as many kills, under short and long writers.
  local function survive(kind)
    local path = support.path("effects")
    local writers = support.pgbench { conninfo = db, clients = 3, seconds = 60,
      args = { "-R", "300" },
      script = "\\set pause random(0, 3000)\nBEGIN;\nINSERT INTO item (n) VALUES (1);\n\\sleep "
        .. ":pause us\nCOMMIT;" }
    local long = support.pgbench { conninfo = db, clients = 1, seconds = 60,
      script = "BEGIN;\nINSERT INTO item (n) VALUES (1);\n\\sleep 400 ms\nINSERT INTO item (n) "
        .. "VALUES (2);\nCOMMIT;" }
    local function handled()
      if kind == "file" then return support.read(path) and numbers(path) or {} end
      local list = {}
      for _, row in ipairs(must(log, "SELECT seq FROM effect WHERE kind = $1", kind)) do
        list[#list + 1] = row.seq
      end
      return list
    end
    math.randomseed(11)
    for round = 1, ROUNDS do
      local before = #handled()
      local process = support.lua(CONSUMER, db, kind, path)
      -- Every other one has done something by then, however busy the machine is.
      if round % 2 == 0 then
        support.wait_until(function() return #handled() > before end, "a change to be handled")
      end
      logs.pause(0.08 + math.random() * 0.17)
      process:kill("KILL")
      process:wait()
    end
    for _, each in ipairs { writers, long } do each:kill(); each.process:wait() end
    support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
    local written = must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n
    local last, seqs = support.lua(CONSUMER, db, kind, path), nil
    support.wait_until(function()
      seqs = handled()
      return feeds.compare(log, seqs).lost == 0
    end, "all changes to be handled", 20)
    last:kill("KILL")
    last:wait()
    os.remove(path); os.remove(path .. ".position")
    local result = feeds.compare(log, seqs)
    support.note("%d kills, %s store: %d changes, lost %d, twice %d", ROUNDS, kind, written,
      result.lost, result.twice)
    assert.is_true(written > ROUNDS * 20, "too few changes: " .. written)
    assert.equal(0, result.lost)
    return result
  end

  it("loses nothing with the file store", function() survive("file") end)
  it("loses nothing with the table store", function() survive("table") end)
  it("loses nothing from memory, which begins anew", function()
    assert.is_true(survive("memory").twice > 0)
  end)
  it("loses nothing and does nothing twice with the table store and transactions", function()
    assert.equal(0, survive("transaction").twice)
  end)
end)

-- Writes, and prints each number whose commit was acknowledged; goes on after whatever happens.
local WRITER = [[
local conninfo, first, stop = ...
local forgelog = require "forgelog"
local log, n = nil, tonumber(first)
while not io.open(stop) do
  log = log or forgelog.connect(conninfo)
  local ok = log and log:query("INSERT INTO item (n) VALUES ($1)", n)
  if ok then print(n) io.flush() elseif log then log:close() log = nil end
  if not log then require("forgelog.core").poll(nil, "", 0.01) end
  n = n + 1
end
]]

describe("a feed under load", function()
  local server, db, log
  setup(function()
    server = support.server()
    db, log = logs.installed(server.conninfo)
    log:close()
  end)
  teardown(function() server:stop() end)

  -- Follows while `harm` is done again and again; each acknowledged commit must have been handed
  -- out, and none twice.
  local function survive(name, rounds, harm)
    local stop, writers, reader = support.path("stop"), {}, logs.connect(db)
    local start = must(reader, "SELECT coalesce(max(id), 0) AS n FROM item")[1].n
    local feed = reader:follow(reader:position(), { backoff = 0.01, backoff_max = 0.1, poll = 0.2 })
    for i = 1, 4 do writers[i] = support.lua(WRITER, db, tostring(i * 10000000), stop) end
    local ids, seqs, harmed, next_harm = {}, {}, 0, core.now() + 0.3
    local function take(timeout)
      local changes, err = feed:batch(500, timeout)
      assert(changes or err.kind == "timeout", tostring(err))
      for _, change in ipairs(changes or {}) do
        ids[change.row_id], seqs[#seqs + 1] = true, change.seq
      end
      return changes
    end
    while harmed < rounds do
      take(0.05)
      if core.now() >= next_harm then
        harm()
        harmed, next_harm = harmed + 1, core.now() + 0.2 + math.random() * 0.3
      end
    end
    assert(io.open(stop, "w")):close()
    local acknowledged = {}
    for _, writer in ipairs(writers) do
      local ok, output, errors = writer:wait()
      assert(ok, errors)
      for n in output:gmatch("%d+") do acknowledged[#acknowledged + 1] = n end
    end
    while take(1) do end -- until a second passes without any
    os.remove(stop)
    local check, lost = logs.connect(db), 0
    local rows = must(check,
      "SELECT i.id::text AS id FROM unnest(string_to_array($1, ' ')::int[]) AS n"
      .. " LEFT JOIN item i ON i.n = n.n AND i.id > $2", table.concat(acknowledged, " "), start)
    for _, row in ipairs(rows) do
      if not ids[row.id] then lost = lost + 1 end
    end
    local twice = logs.compare(check, seqs).twice
    support.note("%d times %s: %d commits acknowledged, lost %d; %d changes, twice %d, %d "
      .. "reconnects", harmed, name,
      #acknowledged, lost, #seqs, twice, feed:stats().reconnects)
    assert.is_true(#acknowledged > rounds * 5, "too few commits")
    assert.equal(#acknowledged, #rows)
    assert.equal(0, lost)
    assert.equal(0, twice)
    assert.is_true(feed:stats().reconnects >= rounds / 2)
    check:close(); reader:close()
  end

  it("hands out every acknowledged commit when the server is killed with -9", function()
    survive("kill -9 of the server", support.scale(4), function()
      server:kill()
      server:start()
    end)
  end)

  it("hands out every acknowledged commit when all backends are ended", function()
    survive("all backends ended", support.scale(4), function()
      support.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
        .. "pg_backend_pid()"
        .. " AND backend_type = 'client backend'", db)
    end)
  end)
end)

describe("a consumer whose server is killed with -9 again and again", function()
  it("does nothing twice with the table store and transactions", function()
    local server = support.server()
    local db, log = logs.installed(server.conninfo)
    must(log, "CREATE TABLE effect (seq bigint)")
    log:close()
    local one = consumer.new { conninfo = db, name = "one", position = consumer.table(),
      transaction = true, batch = 5,
      backoff = 0.01, backoff_max = 0.05, poll = 0.2, on_changes = function(changes, own)
        for _, change in ipairs(changes) do must(own, "INSERT INTO effect VALUES ($1)",
          change.seq) end
      end }
    for _ = 1, support.scale(3) do
      log = logs.connect(db)
      logs.fill(log, 200)
      log:close()
      local kill = support.start(
        ("sleep 0.0%d; %s/spec/support/postgres kill %s"):format(math.random(2, 9),
        os.getenv("FORGELOG_ROOT"), server.dir))
      while support.alive(kill) do one:step(0.01) end
      kill:wait()
      server:start()
    end
    local deadline = core.now() + 20
    local _, err
    repeat
      _, err = one:step(0.5)
    until err and err.code == "no_change" or core.now() > deadline
    log = logs.connect(db)
    local row = must(log, [[SELECT count(*) AS n, count(DISTINCT seq) AS different,
      (SELECT count(*) FROM forge_change_log) AS written FROM effect]])[1]
    assert.is_true(row.written >= support.scale(3) * 200)
    assert.same({ row.written, row.written }, { row.n, row.different })
    one:close(); log:close()
    server:stop()
  end)
end)

describe("a feed beside a burst of changes that was rolled back", function()
  it("misses nothing where a crash has their numbers given again", function()
    local server = support.server { "wal_writer_delay=10000ms" }
    local db, log = logs.installed(server.conninfo)
    local other = logs.connect(db)
    local feed = log:follow(log:position(), { poll = 0.05, backoff = 0.01 })
    logs.fill(other, 1)
    local before = assert(feed:next(5)).seq
    must(other, "BEGIN; INSERT INTO item (n) SELECT generate_series(1, 200); ROLLBACK")
    assert.equal("timeout", select(2, feed:next(0.3)).kind) -- it looks several times
    server:kill()
    server:start()
    other:close()
    other = logs.connect(db)
    for _ = 1, 300 do must(other, "INSERT INTO item (n) VALUES (1)") end
    local seqs, result = { before }, nil
    support.wait_until(function()
      feeds.take_all(feed, seqs, 0.1)
      result = feeds.compare(other, seqs)
      return result.lost == 0
    end, "all changes", 10)
    local first = must(other, "SELECT min(seq) AS seq FROM forge_change_log WHERE seq > $1",
      before)[1].seq
    support.note("the first number after the crash is %d, the burst went up to %d", first,
      before + 200)
    assert.is_true(first <= before + 200)
    assert.equal(0, result.twice)
    feed:close(); other:close()
    server:stop()
  end)
end)
