-- What alloc.c runs while allocations fail. Each scenario: prepare(layer), then run(context) under
-- failures and protected, then check(context, ended, ...) with memory again: a complaint or nil,
-- and whether the operation ended well.
local forgelog = require "forgelog"
local sql = require "forgelog.connection.sql"

-- What is loaded when it is first used is not what fails here.
require "forgelog.trim"
require "forgelog.wait.poll"
for name in ("connection.hidden seqs.empty_to trim.floor trim.lock trim.unlock "
  .. "trim.prefix trim.batch tables.names tables.called tables.renamed tables.logged "
  .. "tables.called_below tables.speakers tables.known")
  :gmatch("%S+") do
  sql.statement(name, sql.needs_schema(name) and "alloc_spec" or "")
end

-- libgcc, which LuaJIT tells what it has compiled, does not survive that its memory runs out.
local jit = rawget(_G, "jit")
if jit then jit.off() end

local ROWS = 140 -- more than a first chunk has
-- libpq takes a COPY that it has no memory to begin for one that has not come yet: the timeout ends
-- such a wait.
local OPTIONS = { schema = "alloc_spec", timeout = 1 }

local function connect()
  return assert(forgelog.connect(nil, OPTIONS))
end

-- A failure must be an error table of the library or a message about memory.
local function strange(err)
  if type(err) == "table" then
    if err.kind and err.message then return nil end
    return "an error table without kind or message"
  end
  if tostring(err):find("memory", 1, true) then return nil end
  return "a failure that says: " .. tostring(err)
end

-- Afterwards a log is usable, or lost and says so.
local function half(log)
  local rows, err = log:query("SELECT 42 AS answer")
  if rows then return rows[1].answer ~= 42 and "the next query answers nonsense" or nil end
  if err.kind == "lost" and log.connection:state() == "closed" then return nil, true end
  return ("neither usable nor closed: %s (%s)"):format(tostring(err), log.connection:state())
end

-- Runs `go_on` with the log where it is usable still.
local function afterwards(context, go_on)
  local complaint, lost = half(context.log)
  if not complaint and not lost and go_on then complaint = go_on(context.log) end
  context.log:close()
  return complaint
end

local connecting = {}

function connecting.prepare() return {} end

function connecting.run(context)
  local log, err = forgelog.connect({ application_name = "alloc 'spec'" },
    { schema = "alloc_spec", timeout = 10 })
  context.log = log
  return log, err
end

function connecting.check(context, ended, log, err)
  if not ended then return strange(log) end
  if not log then return err.kind ~= "connect" and "kind " .. tostring(err.kind) or nil end
  return afterwards(context), true
end

local query = {}

function query.prepare() return { log = connect() } end

function query.run(context)
  local rows, err = context.log:query([[
    SELECT g AS n, g * $1::float8 AS f, g % 2 = 0 AS even, repeat('x', g) AS t, $2::text AS s,
    $3::bool AS b, $4::text AS none FROM generate_series(1, 20) g]], 1.5, "it's", true, nil)
  if not rows then return rows, err end
  return rows, select(2,
    context.log:query("CREATE TEMP TABLE a (x int); INSERT INTO a VALUES (1), (2)"))
end

local function row_wrong(row, n)
  return row.n ~= n or row.f ~= n * 1.5 or row.even ~= (n % 2 == 0) or row.t ~= ("x"):rep(n)
    or row.s ~= "it's"
    or row.b ~= true or row.none ~= nil
end

function query.check(context, ended, rows, written)
  if not ended then return strange(rows) or afterwards(context) end
  if not rows then return strange(written) or afterwards(context) end
  if #rows ~= 20 then return "a result of " .. #rows .. " rows" end
  for n = 1, 20 do
    if row_wrong(rows[n], n) then return "row " .. n .. " is wrong" end
  end
  if type(written) ~= "table" and written ~= 2 then return "2 rows written, said "
    .. tostring(written) end
  return afterwards(context), written == 2
end

-- All that is handed out, for checks: without a hole, and whole where the drain has ended well.
local function holes(seqs, from, whole)
  for i = 1, #seqs do
    if seqs[i] ~= from + i then return ("seq %s where %d is next"):format(tostring(seqs[i]),
      from + i) end
  end
  if whole
    and from + #seqs ~= ROWS then return ("ended well after %d of %d changes"):format(from + #seqs,
    ROWS) end
end

local function collect(log, since, options)
  local seqs = {}
  for change in log:drain(since, options) do seqs[#seqs + 1] = change.seq end
  return seqs
end

local drain = {}

-- From the middle on where it is Lua's turn: there, every row is like the one before.
function drain.prepare(layer)
  return { log = connect(), seqs = {}, since = layer == "Lua" and ROWS / 2 or 0 }
end

function drain.run(context)
  local seqs = context.seqs
  for change in context.log:drain(context.since) do
    if change.table_name ~= "t" or change.op ~= "INSERT" or change.row_id ~= "r"
      .. change.seq % 4 then
      context.wrong = change.seq
    end
    seqs[#seqs + 1] = change.seq
  end
end

function drain.check(context, ended, err)
  local seqs = context.seqs
  if context.wrong then return "change " .. context.wrong .. " is wrong" end
  local complaint = not ended and strange(err) or holes(seqs, context.since, ended)
  local last = context.since + #seqs
  return complaint
    or afterwards(context, function(log) return holes(collect(log, last), last, true) end), ended
end

-- The same after a position with ranges, and for some tables.
local ranges = {}

function ranges.prepare()
  local log = connect()
  return { log = log, since = assert(log:position()):match("^%d+") .. ":100:104-105,109" }
end

function ranges.run(context)
  return collect(context.log, context.since,
    { tables = { "t" }, channels = { "o'ther" }, limit = 20 })
end

function ranges.check(context, ended, seqs)
  if not ended then return strange(seqs) or afterwards(context) end
  if #seqs ~= 20 or seqs[1] ~= 101 or seqs[4] ~= 106 or seqs[7] ~= 110 or seqs[20] ~= 123 then
    return "a position with ranges gives something else"
  end
  return afterwards(context), true
end

local tick = {}

function tick.prepare()
  local context = { log = connect(), writer = connect() }
  context.horizon = assert(context.log:horizon()) -- numbers that were rolled back may count
  assert(context.writer:query(
    "BEGIN; INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT')"))
  return context
end

function tick.run(context)
  local horizon, writers = context.log:horizon()
  if not horizon then return nil, writers end
  local gap, upto = context.log:gap(3)
  if gap == nil then return nil, upto end
  local largest, err = context.log:max_seq()
  if not largest then return nil, err end
  return horizon, writers, gap, largest
end

function tick.check(context, ended, horizon, writers, gap, largest)
  local complaint
  if not ended then
    complaint = strange(horizon)
  elseif not horizon then
    complaint = strange(writers)
  elseif horizon ~= context.horizon or #writers ~= 1 or not writers[1].pid or gap ~= false
    or largest ~= ROWS then
    complaint = "horizon, gap or max_seq tell something else"
  end
  complaint = complaint or afterwards(context, function(log)
    local again, holders = log:horizon()
    if again ~= context.horizon or #holders ~= 1 then return "the next horizon is "
      .. tostring(again) end
  end)
  assert(context.writer:query("ROLLBACK")) -- answered, the writer is gone for the next one
  context.writer:close()
  return complaint, ended and horizon ~= nil
end

local trim = {}

function trim.prepare()
  local log = connect()
  assert(log:query("BEGIN"))
  return { log = log }
end

function trim.run(context)
  return context.log:trim(4e9, { min_rows = 10, batch = 60 })
end

local function trimmed(log)
  local rows = assert(log:query("SELECT (SELECT count(*) FROM forge_change_log) AS left, " ..
    "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS "
      .. "locks"))
  return ROWS - rows[1].left, rows[1].locks
end

local function trim_complaint(log, ended, count, err)
  if not log:query("SELECT 1") then assert(log:query("ROLLBACK; BEGIN")) end
  local gone = trimmed(log)
  if ended and count
    and (gone ~= count or count ~= ROWS - 10) then return ("%d trimmed, said %d"):format(gone,
    count) end
  if ended and not count and err.deleted
    and err.deleted > gone then return ("%d trimmed, said %d"):format(gone, err.deleted) end
  -- the next one that ends well leaves no lock behind; those of the transaction go with it
  local again, why = log:trim(4e9, { min_rows = 10 })
  if not again or why then return "the next trim: " .. tostring(why) end
  assert(log:query("ROLLBACK"))
  local _, locks = trimmed(log)
  if locks > 0 then return "the trimmer's lock is still held after the next trim" end
end

function trim.check(context, ended, count, err)
  local complaint = not ended and strange(count) or ended and not count and strange(err) or nil
  complaint = complaint
    or afterwards(context, function(log) return trim_complaint(log, ended, count, err) end)
  return complaint, ended and count ~= nil
end

-- Positions as sets of seqs, and the other functions of the core that need no connection.
local sets = {}

-- As many ranges as make their memory grow some times.
function sets.prepare()
  local core = require "forgelog.core"
  local listed, seqs = {}, {}
  for i = 1, 200 do
    listed[i] = ("%d-%d"):format(1000 + 10 * i, 1005 + 10 * i)
    seqs[i] = 2 * ((i * 37) % 200 + 1)
  end
  return { core = core, position = "1:1000:" .. table.concat(listed, ","), seqs = seqs }
end

function sets.run(context)
  local core = context.core
  local without, err = core.without(context.position, context.seqs)
  if not without then return nil, err end
  local common
  common, err = core.common({ context.position, without, "1:1013" })
  if not common then return nil, err end
  return without, common, core.hash("orders\00042"), core.process(), core.lives("none")
end

function sets.check(context, ended, without, common, hash, process, lives)
  if not ended then return strange(without) end
  if not without then return strange(common) end
  local count = select(2, without:gsub("[:,]%d+", "")) - 1
  if not without:find("^1:1:3,5,") or count ~= 400 then return "without is " .. without end
  if common ~= without:match("^(.*401%-1000)") .. ",1010-1013" then
    return "common is " .. common
  end
  if hash ~= 3649918103 or process ~= context.core.process() or lives ~= nil then
    return "hash, process or lives tell something else"
  end
  return nil, true
end

local surface = assert(loadfile((os.getenv("FORGELOG_ROOT") or ".") .. "/spec/c/alloc/surface.lua"))
local scenarios = surface()(strange, half)
for name, each in pairs { connect = connecting, query = query, drain = drain, ranges = ranges,
  tick = tick, trim = trim, sets = sets } do
  scenarios[name] = each
end
return scenarios
