--- Hands the changes of a batch to the handler: to `on_changes` as they are, to `on_change` one
-- after another. Of these, those before one that fails are done, unless the work commits with the
-- position.
-- @module forgelog.consumer.each
local calls = require "forgelog.consumer.calls"
local failure = require "forgelog.consumer.failure"
local opening = require "forgelog.consumer.states.opening"

local each = {}

local function rest_of(changes, first)
  local rest, seqs = {}, {}
  for i = first, #changes do
    rest[#rest + 1], seqs[#seqs + 1] = changes[i], changes[i].seq
  end
  return rest, seqs
end

local function together(self, changes, log)
  for _, change in ipairs(changes) do
    self._at = change
    self._options.on_change(change, log)
  end
end

-- The changes from the nth on are left, which has failed.
local function stop(self, changes, n, raised)
  local rest, seqs = rest_of(changes, n)
  self._left = { changes = rest, raised = raised }
  self._checkpoint:leave(seqs)
end

local function one_by_one(self, changes, log)
  local conn = log.connection:limited(opening.silence(self._options))
  for i, change in ipairs(changes) do
    self._at = change
    local ok, raised = calls.work(conn, self._options.on_change, change, log)
    if not ok and i == 1 then error(raised, 0) end
    if not ok then return stop(self, changes, i, raised) end
  end
end

--- The work of a batch, for `commit` of the checkpoint: it raises where nothing of it is done.
-- @param self the consumer
-- @tparam table changes
-- @param log for the handler
function each.work(self, changes, log)
  local options = self._options
  if options.on_changes then return options.on_changes(changes, log) end
  local work = options.transaction and together or one_by_one
  work(self, changes, log)
end

--- The error of a batch of which nothing is done.
-- @param self the consumer
-- @param raised what its work has raised
-- @tparam table changes the batch
-- @return an error, code "handler_failed"
function each.failure(self, raised, changes)
  if self._options.on_changes then return failure.of_handler(raised, changes) end
  return failure.of_change(raised, self._at)
end

--- Which change of a batch has failed of which nothing is done.
-- @param self the consumer
-- @tparam table changes the batch
-- @treturn int its place; nil: there is no `on_change` that could tell
function each.place(self, changes)
  if self._options.on_changes then return nil end
  for i, change in ipairs(changes) do
    if change == self._at then return i end
  end
end

--- After a batch: what is left of it, which its handler could not do.
-- @param self the consumer
-- @return the changes, the first of which has failed, and the error; nil: nothing is left
function each.rest(self)
  local left = self._left
  self._left = nil
  if not left then return nil end
  return left.changes, failure.of_change(left.raised, left.changes[1])
end

return each
