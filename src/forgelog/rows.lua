--- The rows of a table in the order of its primary key, as changes with the op "READ", in short
-- statements: for whoever reads a whole table while it is being written. A log has `rows` as a
-- method (`log:rows("orders")`); here it takes its `connection`. The others are for programs that
-- read a table piece by piece themselves, and keep how far they are.
-- @module forgelog.rows
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local key_of = require "forgelog.key"
local source = require "forgelog.rows.source"
local statement = require "forgelog.rows.statement"

local rows = {}

local CHUNK = 1000
local TRIES = 5 -- a table that is altered each time it is read is altered by whoever means it

--- Finds a table whose rows shall be read.
-- @tparam forgelog.connection.Connection conn the connection
-- @string where name of the public function, for errors
-- @string name of the table, as SQL or the log has it
-- @tparam[opt] string[]|true keep columns whose values are wanted, or true: those that `watch`
-- keeps
-- @int[opt] oid of the table, where it is known: then the name is for errors only
-- @treturn forgelog.rows.Source
-- @fails kind "schema", code "no_table", "not_a_table", "no_column", "row_security" (rows may be
-- hidden from this role), "unsafe_key" (its key has checks that would run with this role's rights,
-- or an index without an order)
function rows.source(conn, where, name, keep, oid)
  return source.find(conn, where, name, keep, oid)
end

--- The place of a row in the order of the key.
-- @tparam forgelog.rows.Source s
-- @tparam string|string[]|nil after a row_id, a list of texts such as `forgelog.key` gives, or nil
-- @treturn string[]|nil nil for nil
-- @fails code "bad_key"
function rows.key(s, after) return source.key_of(s, after) end

--- The error for what is no key of a table.
-- @tparam forgelog.rows.Source s
-- @tparam string|string[] after as of `key`
-- @string[opt] sqlstate the server's code
-- @treturn forgelog.Error code "bad_key"
function rows.no_key(s, after, sqlstate) return source.no_key(s, after, sqlstate) end

--- What a table's key is, as text: a key of before is a place in its order as long as this stays
-- the same.
-- @tparam forgelog.rows.Source s
-- @treturn string|nil nil: the table has none
function rows.order(s) return source.order(s) end

-- The values of the kept columns, and which were left out.
local function unpack_kept(change, keep)
  local values, omitted = {}, {}
  for i, name in ipairs(keep) do
    local field = "v" .. i
    values[name], change[field] = change[field], nil
  end
  for place in (change.omitted or ""):gmatch("%d+") do
    omitted[#omitted + 1] = keep[tonumber(place)]
  end
  change.new, change.omitted = values, omitted[1] and omitted
end

-- Makes changes of rows.
local function to_changes(s, list)
  local columns = #s.key > 1 and #s.key or nil
  for _, change in ipairs(list) do
    change.op, change.table_name, change.key_cols = "READ", s.name, columns
    if s.keep then unpack_kept(change, s.keep) end
  end
  return list
end

-- What stands for a table that can only be read whole.
local function whole(conn, s)
  local found, err = conn:run("status.clock")
  if not found then return nil, err end
  return { { op = "READ", table_name = s.name, created_at = found[1].now } }
end

-- Rows behind a key: a list; false where the table was not looked at since it has changed or has
-- no key; or nil and an error.
local function read(conn, text)
  if not text then return false end
  local list, err = source.pinned(conn):ask(true, text)
  if list then return #list > 0 and list or false end
  if err.kind ~= "query" or err.retryable then return nil, err end
  return false, err
end

--- Reads the next rows of a table in one short transaction. A table that was renamed meanwhile, or
-- whose columns are others, is read as it is now, and what the source says of it changes.
-- @tparam forgelog.connection.Connection conn the connection; where a transaction is open on it, it
-- reads in that and leaves its settings as they were
-- @tparam forgelog.rows.Source s
-- @tparam string[]|nil after the key of the last row that was read; nil: from the beginning
-- @int most rows
-- @treturn forgelog.AnyChange[] perhaps none; of a table without a key, one without `row_id`
-- @treturn string[]|nil the key of the last one; of `after` where there is none
-- @treturn boolean whether that was the end of the table
-- @fails code "key_changed" where the table has another primary key than at the time of `after`
function rows.chunk(conn, s, after, most)
  for _ = 1, TRIES do
    local text = s.key and statement.of(s, after, most)
    local list, err = read(conn, text)
    if list then
      to_changes(s, list)
      return list, key_of(list[#list]), #list < most
    elseif list == nil then
      return nil, err
    end
    local ok, why = source.refresh(conn, s, after ~= nil)
    if not ok then return nil, source.explained(s, why) end
    if not s.key then
      list, err = whole(conn, s)
      return list, list and nil or err, list and true
    elseif text == statement.of(s, after, most) then
      if err then return nil, source.explained(s, err) end
      return {}, after, true
    end
  end
  local message = "%s: %s is altered again and again"
  return nil, core.error("schema", message:format(s.where, s.name), nil, { code = "altered" })
end

-- ---- log:rows ----

-- What goes on behind a key, chunk by chunk: a function that returns the next list of changes and
-- whether it is the last one, and raises errors.
local function chunks(conn, name, opts)
  local s, after
  return function()
    local list, key, over, err
    if not s then
      s, err = source.find(conn, "rows", name, opts.keep)
      if s then after, err = source.key_of(s, opts.after) end
      if err then
        s = nil
        error(err, 0)
      end
    end
    list, key, over = rows.chunk(conn, s, after, opts.chunk or CHUNK)
    if not list then error(key, 0) end
    after = key
    return list, over
  end
end

--- Iterates over the rows of a table in the order of its primary key, in short statements. A row
-- that is there all the time comes exactly once, whatever is written, unless its key changes; one
-- that is inserted or deleted meanwhile may come or not. So begin to follow the log before, at
-- `log:position()`. The first step looks for the table; errors are raised. The connection may be
-- used inside the loop, also for a transaction, and no snapshot is held while your code runs. A
-- table without a primary key is read whole: it gives one change without `row_id`. Of tables linked
-- by inheritance, as in the log, only the rows of the named one come.
-- @tparam forgelog.connection.Connection conn the connection
-- @string name the table, as SQL or the log has it; it need not be watched
-- @tparam[opt] forgelog.rows.Options opts
-- @treturn fun():forgelog.AnyChange|nil an iterator of changes: `op` ("READ"), `table_name`,
-- `row_id` and `key_cols` as changes of that row have them, `created_at` (when it was read), with
-- `keep` also `new` and `omitted`; no `seq`
function rows.rows(conn, name, opts)
  check.argument("rows", "table", name, "string")
  opts = check.options("rows", opts, { after = "key", chunk = "positive", keep = "names" })
  local life, next_chunk = conn.life, chunks(conn, name, opts)
  local batch, at, over = {}, 0, false
  return function()
    if life.closed then conn:must_be_open("rows") end
    while batch[at + 1] == nil do
      if over then return nil end
      batch, at = {}, 0
      batch, over = next_chunk()
    end
    at = at + 1
    return batch[at]
  end
end

return rows
