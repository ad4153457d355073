--- A load of changes for workers, whose handlers take any time and now and then fail; and what was
-- not as it should be: the same in a plain Lua and inside nginx.
-- @module support.handling
local core = require "forgelog.core"
local make_workers = require "forgelog.consumer.workers"

local handling = {}

--- What `failed` says for a change that is to be tried again soon.
function handling.retry() return "retry", 0.01 end

--- A change of the table item.
-- @int seq
-- @param[opt] row its row_id
-- @string[opt="UPDATE"] op
function handling.change(seq, row, op)
  return { seq = seq, table_name = "item", op = op or "UPDATE", row_id = row and tostring(row) }
end

-- One handling of a change. `work` does it, and may raise.
local function handle(seen, change, slot, work)
  if seen.slots[slot] then seen.shared = seen.shared + 1 end
  seen.slots[slot], seen.busy = true, seen.busy + 1
  seen.most_busy = math.max(seen.most_busy, seen.busy)
  local ok, raised = pcall(work, change)
  seen.slots[slot], seen.busy = nil, seen.busy - 1
  if not ok then
    seen.failed = seen.failed + 1
    error(raised, 0)
  end
  local row = change.row_id
  if (seen.last[row] or 0) > change.seq then seen.disorder = seen.disorder + 1 end
  if seen.handled[change.seq] then seen.twice = seen.twice + 1 end
  seen.last[row], seen.handled[change.seq], seen.all = change.seq, true, seen.all + 1
end

-- Hands over that many changes of a hundred rows, a tenth of them of one row, as there is room.
local function feed(seen, workers)
  local seq = 0
  while seq < seen.changes do
    local changes = {}
    for i = 1, math.min(50, seen.changes - seq) do
      changes[i] = handling.change(seq + i, math.random() < 0.1 and 0 or math.random(100))
    end
    assert(workers:wait_for_room(#changes, 10))
    workers:add(changes)
    seq = seq + #changes
    seen.most_inside = math.max(seen.most_inside, #workers:outstanding())
  end
  assert(workers:drain(30))
end

--- Runs one, in a coroutine of the loop.
-- @tparam table load `waiter`, `count` (of coroutines), `room`, `changes` (how many), `key`
-- @return what was seen: `all` (changes handled), `lost`, `twice`, `disorder` (how many were
-- handled after a later one of their row), `shared` (how often a slot was another's too), `failed`,
-- `most_busy` (at once), `most_inside` (in memory), `seconds`, `text` (all this)
function handling.run(load)
  local seen = { last = {}, handled = {}, slots = {}, all = 0, failed = 0, disorder = 0, twice = 0,
    busy = 0, most_busy = 0, shared = 0, most_inside = 0, changes = load.changes }
  local waiter, began = load.waiter, core.now()
  local function work()
    local chance = math.random()
    if chance < 0.5 then waiter.wait(nil, "", chance * 0.004) end
    if math.random() < 0.05 then error("it failed", 0) end
  end
  local workers = make_workers { waiter = waiter, count = load.count, room = load.room,
    key = load.key, handle = function(change, slot) handle(seen, change, slot, work) end,
    failed = handling.retry }
  feed(seen, workers)
  assert(workers:stop(1))
  assert(#workers:outstanding() == 0 and workers:stats().failures == seen.failed)
  seen.lost, seen.seconds = load.changes - (seen.all - seen.twice), core.now() - began
  seen.text = ("%d coroutines: %d changes in %.1f s, handled %d, lost %d, twice %d, out of order "
    .. "%d, failed %d, at once %d, at most %d in memory"):format(load.count, load.changes,
    seen.seconds, seen.all, seen.lost, seen.twice, seen.disorder, seen.failed, seen.most_busy,
    seen.most_inside)
  return seen
end

return handling
