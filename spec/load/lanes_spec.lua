-- Four programs share the changes of one name, each with eight coroutines, behind a pooler in
-- transaction mode. One of them is killed again and again, and the handler fails for some keys: all
-- else is handled, in order by key, and what was parked is handled once the handler is mended.
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must

local LANES, KEYS = 4, 2000
-- How often one of the programs is killed, in seconds.
local EVERY = 1

-- Notes each change in the table effect, in the order in which that takes place.
local WORKER = [[
local conninfo, lane, mended = ...
local consumer = require "forgelog.consumer"
local cqueues = require "cqueues"
local function fails(change)
  if tonumber(change.row_id) % 100 ~= 7 then return false end
  local file = io.open(mended)
  if file then file:close() end
  return not file
end
local one = consumer.new { conninfo = conninfo, listen = false, poll = 0.05, wait = "cqueues",
  name = "one", share = lane, position = consumer.table(), start = "beginning",
  concurrency = 8, attempts = 2, backoff = 0.01, backoff_max = 0.05,
  on_change = function(change, log)
    if fails(change) then error("not today") end
    assert(log:query("INSERT INTO effect (seq, key, lane) VALUES ($1, $2, $3)", change.seq,
      change.row_id, lane))
  end }
local loop = cqueues.new()
loop:wrap(function()
  local ok, err = one:run()
  if not ok then error(tostring(err), 0) end
end)
assert(loop:loop())
]]

local WRITER = ([[
\set id random(1, %d)
UPDATE item SET n = n + 1 WHERE id = :id;
]]):format(KEYS)

-- What was handled, against what was committed. A change may come again after a kill, but the first
-- time that each comes is in order by key.
local TALLY = [[
WITH first AS (SELECT seq, key, min(id) AS id, count(*) AS times FROM effect GROUP BY seq, key),
     ordered AS (SELECT id, max(id) OVER (PARTITION BY key ORDER BY seq
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM first)
SELECT (SELECT count(*) FROM forge_change_log) AS commits,
       (SELECT count(*) FROM first) AS delivered,
       (SELECT count(*) FROM first WHERE times > 1) AS twice,
       (SELECT count(*) FROM ordered WHERE id < before) AS unordered,
       (SELECT count(*) FROM forge_change_log_parked) AS parked,
       (SELECT count(*) FROM forge_change_log_parked p
         WHERE p.row_id::int % 100 <> 7) AS parked_wrongly,
       (SELECT count(*) FROM forge_change_log l WHERE l.row_id::int % 100 = 7
           AND NOT EXISTS (SELECT FROM forge_change_log_parked p
                            WHERE p.seq = l.seq)) AS not_parked,
       (SELECT count(DISTINCT lane) FROM effect) AS lanes]]

describe("four lanes with eight coroutines each, of which one is killed every second", function()
  local db, log, between, workers
  before_each(function()
    db, log = logs.installed(nil, { item = "id int PRIMARY KEY, n int NOT NULL DEFAULT 0" })
    must(log, "CREATE TABLE effect (id bigserial PRIMARY KEY, seq bigint, key text, lane text)")
    between, workers = pooler.start(db), {}
  end)
  after_each(function()
    for _, worker in pairs(workers) do worker:kill("KILL") end
    for _, worker in pairs(workers) do worker:wait() end
    between:stop()
    log:close()
    support.drop(db)
  end)

  it("lose nothing, keep the order of each key, and park just what fails", function()
    local mended, kills = support.path("mended"), 0
    local each = math.ceil(support.scale(10000) / 8)
    local function start(i)
      workers[i] = support.lua(WORKER, between.conninfo, i .. "/" .. LANES, mended)
    end
    local function tally() return must(log, TALLY)[1] end
    must(log, "INSERT INTO item SELECT i FROM generate_series(1, $1) i", KEYS)
    for i = 1, LANES do start(i) end
    local began, due = core.now(), core.now() + EVERY
    local writing = support.pgbench { conninfo = db, clients = 8, script = WRITER,
      transactions = each }
    -- Kills one program after another, until that is so.
    local function while_killing(done)
      local deadline = core.now() + 60 * support.scale(1)
      repeat
        logs.pause(0.05)
        if core.now() >= due then
          local i = kills % LANES + 1
          workers[i]:kill("KILL")
          workers[i]:wait()
          start(i)
          kills, due = kills + 1, core.now() + EVERY
        end
      until done() or core.now() > deadline
    end
    local commits = KEYS + 8 * each
    local had
    while_killing(function()
      had = tally()
      return had.commits == commits and had.delivered + had.parked >= commits
    end)
    writing:wait()
    support.note("%d commits, %d kills in %.0f s: delivered %d, parked %d, lost %d, twice %d, "
      .. "out of order %d", had.commits, kills, core.now() - began, had.delivered, had.parked,
      had.commits - had.delivered - had.parked, had.twice, had.unordered)
    assert.same({ commits, commits, 0, 0, 0 }, { had.commits, had.delivered + had.parked,
      had.unordered, had.parked_wrongly, had.not_parked })
    assert.is_true(had.parked > 0 and kills > 1 and had.lanes == LANES)

    support.write(mended, "")
    assert(consumer.retry(log, "one"))
    while_killing(function()
      had = tally()
      return had.delivered == commits and had.parked == 0
    end)
    support.note("mended: delivered %d, parked %d, twice %d, out of order %d, %d kills in all",
      had.delivered, had.parked, had.twice, had.unordered, kills)
    assert.same({ commits, 0, 0 }, { had.delivered, had.parked, had.unordered })
    for i = 1, LANES do
      assert.is_true(support.alive(workers[i]), workers[i]:errors())
    end
  end)
end)
