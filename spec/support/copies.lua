--- Consumers that keep a copy of the table item as users would, for the specs of backfills: whether
-- the copy is the table in the end.
-- @module support.copies
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"

local must = logs.must

local copies = setmetatable({}, { __index = consumers })
copies.__index = copies

--- Copies the rows of a batch all at once, as they are now.
-- @tparam table changes
-- @param log by which it writes
function copies.copy(changes, log)
  local ids = {}
  for _, change in ipairs(changes) do
    if change.row_id then ids[#ids + 1] = change.row_id else must(log, "DELETE FROM copy") end
  end
  local list = "{" .. table.concat(ids, ",") .. "}"
  must(log, "DELETE FROM copy WHERE id = ANY ($1::bigint[])", list)
  must(log, "INSERT INTO copy SELECT id, n FROM item WHERE id = ANY ($1::bigint[])", list)
end

--- A database as of `consumers.start`, and an empty table copy.
-- @return an object as of that
function copies.start()
  local self = setmetatable(consumers.start(), copies)
  must(self.log, "CREATE TABLE copy (id bigint PRIMARY KEY, n int)")
  return self
end

--- Inserts rows into item.
function copies:fill(first, last)
  must(self.log, "INSERT INTO item SELECT i, i FROM generate_series($1::int, $2::int) i", first,
    last)
end

--- How many rows the table has, how many the copy lacks, and how many it has too many.
-- @treturn table a list of the three
function copies:compare()
  local row = must(self.log, [[SELECT (SELECT count(*) FROM item) AS rows,
    (SELECT count(*) FROM (SELECT id, n FROM item EXCEPT TABLE copy) a) AS missing,
    (SELECT count(*) FROM (TABLE copy EXCEPT SELECT id, n FROM item) b) AS surplus]])[1]
  return { row.rows, row.missing, row.surplus }
end

--- The backfills that are not at their end.
function copies:left()
  return must(self.log, "SELECT * FROM forge_change_log_backfills ORDER BY consumer")
end

--- Asks the consumer "one" for a backfill, or raises; returns what is said of it.
function copies:ask(...)
  local ok, about = consumer.backfill(self.log, "one", ...)
  assert(ok, tostring(about))
  return about
end

--- Steps consumers until all was read, and all is handled.
function copies:finish(...)
  local all, deadline = { ... }, logs.now() + 20
  while #self:left() > 0 do
    for _, one in ipairs(all) do one:step(0.05) end
    assert(logs.now() < deadline, "it is not read to its end")
  end
  for _, one in ipairs(all) do consumers.settle(one) end
end

--- Makes a consumer that copies; options as of `consumers:make`.
-- @return the consumer, and what it was handed: how many changes by their op, `calls`, `most` (of
-- one call), `errors`; `before` and `after` are called with each batch, if they are set
function copies:copier(options)
  local seen = { READ = 0, RELOAD = 0, most = 0, calls = 0 }
  local all = { name = "one", position = consumer.table(), on_changes = function(changes, own)
    if seen.before then seen.before(changes, own) end
    seen.calls, seen.most = seen.calls + 1, math.max(seen.most, #changes)
    for _, change in ipairs(changes) do seen[change.op] = (seen[change.op] or 0) + 1 end
    copies.copy(changes, own)
    if seen.after then seen.after(changes, own) end
  end }
  for name, value in pairs(options or {}) do all[name] = value end
  local one, told = self:make(all)
  seen.errors = told.errors
  return one, seen
end

return copies
