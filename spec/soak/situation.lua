--- What every scenario begins with: a server of its own, a log with a load on it, and witnesses;
-- and how it ends: all has come, and what came is compared with what was committed.
-- @module soak.situation
local core = require "forgelog.core"
local forgelog = require "forgelog"
local load = require "soak.load"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"
local verdict = require "soak.verdict"
local witness = require "soak.witness"

local situation = {}
situation.__index = situation

-- Without these the time of a commit is not known, and a checkpoint comes each second.
local SETTINGS = { "track_commit_timestamp=on", "max_wal_size=4GB", "shared_buffers=256MB",
  "lock_timeout=60s" }

-- Seconds that witnesses may need at the end, and that a change may come after its commit.
local PATIENCE, STALL = 30, 60

--- Begins one.
-- @tparam table run `commits` (how many are wanted), `scale` (1: the whole record)
-- @tparam[opt] table opts `settings` (more of the server's, a list), `environment` (that it runs
-- in), `server` (one that runs), `rate` (commits a second, about; false: as many as there can be),
-- `durable` (bool: commits wait for the disk; default true), `patience`, `stall`
function situation.begin(run, opts)
  opts = opts or {}
  local self = setmetatable({ run = run, opts = opts, witnesses = {}, era = 0,
    began = core.now() }, situation)
  local settings = { table.unpack(SETTINGS) }
  for _, each in ipairs(opts.settings or {}) do settings[#settings + 1] = each end
  self.server = opts.server or support.server(settings, opts.environment)
  self.db = support.database(self.server.conninfo)
  local log = logs.connect(self.db)
  load.prepare(log)
  log:close()
  return self
end

--- Where the log is; through whatever stands before it, where `through` says so.
function situation:conninfo() return self.through or self.db end

--- What a server other than the one of before is called in the same database.
function situation:at(server)
  local host, port = server.conninfo:match("host=(%S+)"), server.conninfo:match("port=(%S+)")
  return (self.db:gsub("host=%S+", "host=" .. host):gsub("port=%S+", "port=" .. port))
end

--- The database is another server's from now on.
function situation:moved(server)
  self.db, self.server = self:at(server), server
  self:disconnect()
end

--- Runs a statement, by a connection that is made anew where it is gone; waits for the server for
-- half a minute. Returns its rows.
function situation:ask(sql, ...)
  local arguments, rows, err = table.pack(...), nil, nil
  support.wait_until(function()
    if not self.log then self.log, err = forgelog.connect(self.db, { timeout = 60 }) end
    if self.log then
      rows, err = self.log:query(sql, table.unpack(arguments, 1, arguments.n))
      if not rows and (err.kind == "lost" or err.kind == "timeout") then
        self.log:close()
        self.log = nil
      end
    end
    if not rows and not err.retryable then error(tostring(err) .. "\nin: " .. sql, 0) end
    return rows
  end, "an answer to " .. sql)
  return rows
end

--- Lines that psql prints for a statement.
function situation:stream(sql)
  local pipe = assert(io.popen(("psql -XAtq -v ON_ERROR_STOP=1 -d %s -c %s"):format(
    process.quote(self.db), process.quote(sql))))
  return pipe:lines()
end

--- Forgets the connection that `ask` has: the server is to be another one.
function situation:disconnect()
  if self.log then self.log:close() end
  self.log = nil
end

--- Starts a witness: see `soak.witness`.
function situation:witness(...)
  local one = witness.new(self, ...)
  self.witnesses[#self.witnesses + 1] = one
  return one
end

--- Starts the load, or begins it anew on another server.
-- @bool[opt] anew whether numbers may be given again that were given before
function situation:load(anew)
  if self.writers then self.writers:stop() end
  if anew then self.era = self.era + 1 end
  local rate = self.opts.rate
  if rate == nil then rate = 5000 end
  self.writers = load.start { conninfo = self.opts.written_by or self.db, era = self.era,
    commits = self.run.commits, rate = rate, durable = self.opts.durable ~= false,
    clients = self.opts.clients }
end

--- Ends the load; nothing is open or prepared then.
function situation:rest()
  if not self.writers then return end
  self.writers:stop()
  self.writers = nil
  self:ask("SELECT 1") -- the server may have to come back first
  load.settle(self.log)
end

-- How many rows were begun.
function situation:written() return self:ask("SELECT last_value AS n FROM item_id")[1].n end

-- Rows that are begun for each transaction that is committed, and a few more.
local ROWS = 1.3

--- Waits until about so many transactions more were committed.
function situation:more(commits)
  local goal = self:written() + math.ceil(commits * ROWS)
  support.wait_until(function() return self:written() >= goal end, "the load to write", 7200)
end

--- As often as `most` says at full scale, and twice at least.
function situation:times(most)
  return math.max(2, math.floor(most * math.min(1, self.run.scale) + 0.5))
end

--- Does harm again and again while the load goes on, until all commits are there.
-- @int rounds how often
-- @func harm called with the number of the round; after it the server is there
function situation:meanwhile(rounds, harm)
  local each = math.max(1, math.floor(self.run.commits / (rounds + 1)))
  for round = 1, rounds do
    self:more(each)
    harm(round)
    if self.writers then load.resolve(self) end
  end
  self:more(each)
end

-- A last row, behind which nothing is missing once it has come. Its number is a new one, wherever
-- it is written.
local function mark(self)
  return self:ask("INSERT INTO item SELECT $1 + nextval('item_id'), 1 RETURNING id",
    self.era * 1000000000000)[1].id
end

--- Waits until the witnesses have had all that was committed.
function situation:caught_up()
  local id = mark(self)
  local function all()
    for _, each in ipairs(self.witnesses) do
      if not each:has(id) then return false end
    end
    return true
  end
  local deadline = core.now() + (self.opts.patience or PATIENCE)
  while not all() and core.now() < deadline do logs.pause(0.05) end
  logs.pause(0.5) -- what writers that are gone have left comes in the look after that one
end

-- The reasons of gaps as text, such as "reset, 3 x trimmed".
local function join(list)
  local parts, i = {}, 1
  while list[i] do
    local from = i
    while list[i] == list[from] do i = i + 1 end
    parts[#parts + 1] = (i - from > 1 and i - from .. " x " or "") .. list[from]
  end
  return #parts > 0 and table.concat(parts, ", ") or "none"
end

-- Whether these reasons were to be told; one that may have another name is written "a/b".
local function as_expected(gaps, wanted)
  if wanted == "any" then return true end
  for i, reason in ipairs(gaps) do
    if not ("/" .. (wanted[i] or "") .. "/"):find("/" .. reason .. "/", 1, true) then
      return false
    end
  end
  return #gaps == #wanted
end

-- What of a result is not as it has to be.
local function complaints(self, each, own, commits)
  local expected, list = each.expected, {}
  local function check(wrong, ...) if wrong then list[#list + 1] = string.format(...) end end
  local wanted = expected.gaps or {}
  check(commits == 0 or own.delivered == 0 and #own.gaps == 0, "nothing happened")
  check(own.lost > 0, "lost %d of %d rows", own.lost, own.lost + own.found)
  check(not as_expected(own.gaps, wanted), "gaps told: %s, to be told: %s", join(own.gaps),
    wanted ~= "any" and join(wanted) or "")
  check(expected.once and own.twice > 0, "%d came twice", own.twice)
  check(not expected.phantoms and own.phantoms > 0, "%d were never committed", own.phantoms)
  check(own.stall > (self.opts.stall or STALL), "a stall of %.1f s", own.stall)
  check(not each:runs(), "it has ended")
  local said = #list > 0 and each:complaint() or ""
  if said ~= "" then list[#list + 1] = "it said: " .. said end
  return #list > 0 and table.concat(list, "; ") or nil
end

--- Ends it: the load stops, the witnesses get what is left, and all is compared.
-- @string[opt] remark for the record
-- @return the rows of the record, one for each witness
function situation:finish(remark)
  self:rest()
  self:caught_up()
  local rows, commits, results = {}, verdict(self, self.witnesses)
  for i, each in ipairs(self.witnesses) do
    local own = results[i]
    rows[i] = { who = each.title, commits = commits, delivered = own.delivered, lost = own.lost,
      twice = own.twice, gaps = join(own.gaps), stall = own.stall, remark = remark,
      failed = complaints(self, each, own, commits) }
  end
  for _, each in ipairs(self.witnesses) do each:kill() end
  self:disconnect()
  return rows
end

return situation
