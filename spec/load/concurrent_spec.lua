-- A consumer that handles several changes at a time, killed at random moments: what it has
-- acknowledged is never repeated, nothing is lost, and each row's changes stay in order.
local beside = require "forgelog.wait.beside"
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

if not beside.possible then
  it("is nothing for a plain Lua 5.1", function() assert.is_false(beside.possible) end)
  return
end

local CONSUMER = [[
local conninfo, round, loop = ...
local consumer = require "forgelog.consumer"
local waiter = require("forgelog.wait." .. loop)
math.randomseed(tonumber(round))
local one = consumer.new{ conninfo = conninfo, name = "one", position = consumer.table(),
  wait = loop, concurrency = 16, batch = 200, backoff = 0.02, backoff_max = 0.1, poll = 0.2,
  on_change = function(change, log)
    if math.random() < 0.5 then waiter.wait(nil, "", math.random() * 0.02) end
    if math.random() < 0.05 then error("it failed", 0) end
    assert(log:query("INSERT INTO effect (round, seq, row) VALUES ($1, $2, $3)", round, change.seq,
      change.row_id))
  end }
if loop == "luv" then return one:run() end -- runs the loop itself
local cqueues = require("cqueues").new()
cqueues:wrap(function() one:run() end)
assert(cqueues:loop())
]]

-- Whether a position has a seq behind it.
local function has(position, seq)
  local _, base, ranges = core.parse_position(position)
  if seq <= tonumber(base) then return true end
  for range in (ranges or ""):gmatch("[^,]+") do
    local first, last = range:match("^(%d+)%-?(%d*)$")
    last = tonumber(last) or tonumber(first)
    if seq >= tonumber(first) and seq <= last then return true end
  end
  return false
end

describe("a consumer with concurrency, killed with -9 at random moments", function()
  local ROUNDS = support.scale(8)
  local db, log
  setup(function()
    db, log = logs.installed(nil, { item = "id int PRIMARY KEY, n int" })
    must(log, "CREATE TABLE effect (id bigserial, round int, seq bigint, row int)")
    must(log, "INSERT INTO item SELECT g, 0 FROM generate_series(1, 50) g")
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  local function saved()
    local rows = must(log, "SELECT position FROM forge_change_log_consumers WHERE name = 'one'")
    return rows[1] and rows[1].position
  end

  local function effects() return must(log, "SELECT round, seq, row FROM effect ORDER BY id") end

  -- How often a change was handled again that was acknowledged before its round; and how often the
  -- first handling of a change came after that of a later one of its row.
  local function wrongs(list, positions)
    local repeated, disorder, last, seen = 0, 0, {}, {}
    for _, each in ipairs(list) do
      local position = positions[each.round]
      if position and has(position, each.seq) then repeated = repeated + 1 end
      if not seen[each.seq] then
        if (last[each.row] or 0) > each.seq then disorder = disorder + 1 end
        last[each.row], seen[each.seq] = each.seq, true
      end
    end
    return repeated, disorder
  end

  it("repeats nothing that was acknowledged, loses nothing, and keeps each row's order", function()
    local writers = support.pgbench { conninfo = db, clients = 3, seconds = 60,
      args = { "-R", "600" },
      script = "\\set row random(1, 50)\nUPDATE item SET n = n + 1 WHERE id = :row;" }
    local loop = rawget(_G, "jit") and "luv" or "cqueues"
    local positions = {}
    math.randomseed(12)
    for round = 1, ROUNDS do
      local before = #effects()
      local process = support.lua(CONSUMER, db, round, loop)
      support.wait_until(function() return #effects() > before end, "a change to be handled")
      logs.pause(0.05 + math.random() * 0.3)
      process:kill("KILL")
      process:wait()
      -- What the killed one has asked its server for may still take place.
      support.wait_until(function()
        return must(log, [[SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active'
          AND datname = current_database() AND query ILIKE '%forge_change_log_consumers%'
          AND pid <> pg_backend_pid()]])[1].n == 0
      end, "the sessions' end")
      positions[round + 1] = saved()
    end
    writers:kill()
    writers.process:wait()
    support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
    local process = support.lua(CONSUMER, db, ROUNDS + 1, loop)
    local list, seqs
    support.wait_until(function()
      list, seqs = effects(), {}
      for i, each in ipairs(list) do seqs[i] = each.seq end
      return feeds.compare(log, seqs).lost == 0
    end, "all changes to be handled", 20)
    process:kill("KILL")
    process:wait()
    local result = feeds.compare(log, seqs)
    local repeated, disorder = wrongs(list, positions)
    support.note("%s, %d kills: %d changes, lost %d, twice %d, of them acknowledged %d, "
      .. "out of order %d", loop, ROUNDS, result.written, result.lost, result.twice, repeated,
      disorder)
    assert.is_true(result.written > ROUNDS * 50, "too few changes: " .. result.written)
    assert.same({ 0, 0, 0 }, { result.lost, repeated, disorder })
    assert.is_true(result.twice <= ROUNDS * 200)
  end)
end)
