--- A program that reads the log as users do, and writes down what it is given: one line for each
-- row, with the time before each batch. It is killed, cut off and begun anew, and what it wrote
-- down is compared with what was committed.
-- @module soak.witness
local process = require "support.process"
local support = require "support"

local GAP = ("!"):byte()

local witness = {}
witness.__index = witness

--- What each kind is, in the record.
witness.KINDS = {
  file = "consumer, file store",
  table = "consumer, table store",
  transaction = "consumer, in one transaction",
  feed = "feed",
  drain = "drain",
}

local PROGRAM = [[
local conninfo, kind, path, options = ...
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"
local system = require "system"
options = load("return " .. options)()
local record = assert(io.open(path, "a"))
record:setvbuf("full", 65536)
record:write("?\n") -- whatever was broken off before this does not count

local function note(changes)
  if options.work then system.sleep(options.work) end
  record:write("@", ("%.3f"):format(system.gettime()), "\n")
  for _, change in ipairs(changes) do
    if change.op == "INSERT" then record:write(change.row_id, "\n") end
  end
  record:flush()
end

-- By a connection of its own: another one than that whose position was taken before.
local function read_all(reason)
  local log = assert(forgelog.connect(conninfo))
  record:write("!", reason, "\n=\n")
  local after = -1
  repeat
    local rows = assert(log:query("SELECT id FROM (TABLE item UNION ALL TABLE paper) i(id, n) "
      .. "WHERE id > $1 ORDER BY id LIMIT 10000", after))
    for _, row in ipairs(rows) do record:write(row.id, "\n") end
    after = rows[1] and rows[#rows].id
  until not after
  record:write(".\n")
  record:flush()
  log:close()
end

local function effects(changes, log)
  if options.work then system.sleep(options.work) end
  local ids = {}
  for _, change in ipairs(changes) do
    if change.op == "INSERT" then ids[#ids + 1] = change.row_id end
  end
  assert(log:query("INSERT INTO effect SELECT unnest($1::bigint[])",
    "{" .. table.concat(ids, ",") .. "}"))
end

local function reset_effects(reason, log)
  record:write("!", reason, "\n")
  record:flush()
  assert(log:query("DELETE FROM effect"))
  assert(log:query("INSERT INTO effect SELECT id, NULL FROM (TABLE item UNION ALL TABLE paper) i"))
end

local kinds = {}

local function consume(store, more)
  local all = { conninfo = conninfo, name = options.name or kind, position = store,
    start = "beginning", batch = 1000, poll = 0.2, backoff = 0.02, backoff_max = 0.5, silence = 3,
    on_changes = note, on_resync = read_all,
    on_error = function(err) io.stderr:write(tostring(err), "\n") end }
  for name, value in pairs(more or {}) do all[name] = value end
  for name, value in pairs(options.with or {}) do all[name] = value end
  local one = consumer.new(all)
  local _, err = one:run()
  error(tostring(err), 0)
end

function kinds.file() consume(consumer.file(options.position or path .. ".position")) end
function kinds.table() consume(consumer.table()) end
function kinds.transaction()
  consume(consumer.table(), { transaction = true, on_changes = effects,
    on_resync = reset_effects })
end

-- Where a pause and another try may help, they are made.
local function again(err)
  io.stderr:write(tostring(err), "\n")
  if type(err) ~= "table" or not err.retryable then error(tostring(err), 0) end
  system.sleep(0.05)
end

local function connect()
  local log, err
  repeat
    log, err = forgelog.connect(conninfo, { timeout = 5 })
    if not log then again(err) end
  until log
  return log
end

local follows = { poll = 0.2, backoff = 0.02, backoff_max = 0.5, silence = 3 }

function kinds.feed()
  for name, value in pairs(options.with or {}) do follows[name] = value end
  local log, position = connect(), 0
  while true do
    local feed = log:follow(position, follows)
    local changes, err
    repeat
      changes, err = feed:batch(1000)
      if changes then note(changes) end
    until not changes
    if err.kind ~= "gap" then error(tostring(err), 0) end
    feed:close()
    position = assert(log:position())
    read_all(err.reason)
  end
end

-- A drain is begun again and again, from the seq of the last change.
function kinds.drain()
  local log, position = connect(), "1:0" -- not 0, which asks for whatever is there
  while true do
    local ok, err = pcall(function()
      local batch = {}
      for change in log:drain(position) do
        batch[#batch + 1] = change
        position = change.seq
        if #batch == 1000 then note(batch); batch = {} end
      end
      note(batch)
    end)
    if not ok and type(err) == "table" and err.kind == "gap" then
      position = assert(log:position())
      read_all(err.reason)
    elseif not ok then
      again(err)
      log:close()
      log = connect()
    end
    system.sleep(0.02)
  end
end

kinds[kind]()
]]

local function literal(value)
  if type(value) ~= "table" then return ("%q"):format(value) end
  local parts = {}
  for name, each in pairs(value) do parts[#parts + 1] = ("[%q]=%s"):format(name, literal(each)) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Starts it.
-- @param at the situation
-- @string kind one of KINDS
-- @tparam[opt] table expected `gaps` (list of the reasons that it is to tell, in their order;
-- "any": whatever there is), `once` (whether nothing may come twice), `phantoms` (whether it may be
-- given what the database has lost since); and how it is begun: `conninfo`, `position` (path),
-- `name`, `with` (options of the consumer or the feed), `program` (a command before it), `work`
-- (seconds that the handler takes)
function witness.new(at, kind, expected)
  expected = expected or {}
  local self = setmetatable({ at = at, kind = kind, expected = expected,
    path = support.path(kind), title = expected.title or witness.KINDS[kind] }, witness)
  self:start()
  return self
end

--- Begins it, or begins it anew.
function witness:start()
  local words = { self.expected.program or "exec" }
  local expected = self.expected
  local about = literal { name = expected.name, position = expected.position,
    with = expected.with, work = expected.work }
  for _, word in ipairs { os.getenv("FORGELOG_LUA"), process.file(PROGRAM),
    expected.conninfo or self.at:conninfo(), self.kind, self.path, about } do
    words[#words + 1] = process.quote(word)
  end
  self.process = support.start(table.concat(words, " "))
end

--- Kills it, with SIGKILL unless told otherwise.
function witness:kill(signal)
  if not self.process then return end
  self.process:kill(signal or "KILL")
  local _, _, errors = self.process:wait()
  self.said = errors ~= "" and errors or self.said
  self.process = nil
end

--- Kills it, and begins it anew.
function witness:restart()
  self:kill()
  self:start()
end

--- Whether it still runs; a witness ends only where nothing that it can do would help.
function witness:runs() return self.process ~= nil and support.alive(self.process) end

--- The last thing that it said of itself.
function witness:complaint()
  local said = self.process and self.process:errors() or self.said or ""
  said = said:match("lua[%d.]*: ([^\n]*)") or said
  return said:match("([^\n]*)\n*$")
end

--- Whether it was given the row of this id, lately.
function witness:has(id)
  if self.kind == "transaction" then
    return #self.at:ask("SELECT FROM effect WHERE id = $1", id) > 0
  end
  local file = io.open(self.path, "rb")
  if not file then return false end
  file:seek("end", -math.min(file:seek("end"), 65536))
  local text = file:read("*a")
  file:close()
  return text:find("\n" .. id .. "\n", 1, true) ~= nil
end

--- Its record, line by line: "@" and a time, ids, "!" and the reason of a gap, and between "=" and
-- "." the ids that were read instead of what was given before, or "~" and such an id.
function witness:lines()
  if self.kind ~= "transaction" then return io.lines(self.path) end
  local gaps, effects = io.lines(self.path), self.at:stream(
    "SELECT coalesce('@' || extract(epoch FROM at) || E'\\n', '~') || id FROM effect")
  local function next_gap()
    for line in gaps or function() end do
      if line:byte() == GAP then return line end
    end
    gaps = nil
  end
  return function() return next_gap() or effects() end
end

return witness
