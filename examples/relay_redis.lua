-- A relay for more readers than a database should carry: copies the log to a Redis stream, each
-- committed change once, in ascending seq. Any number of programs read there: see reader_redis.lua.
-- lua5.1 examples/relay_redis.lua [conninfo [REDIS [STREAM [ENTRIES]]]]
-- REDIS is redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE] (redis://127.0.0.1:6379). The relay
-- keeps the newest ENTRIES (1000000) in the stream "forgelog", and runs until it is killed. It
-- needs watched tables: log:install(), log:watch("orders"); Redis 5 or later; shared_redis.lua
-- beside it; and the Lua module redis (Debian: lua-redis, for Lua 5.1 to 5.3; rock: redis-lua). Run
-- it on two machines: one of them writes, the other one takes over when that one stops.
--
-- The ID of an entry is EPOCH-SEQ. Within an epoch the stream has every committed change, in order.
-- A new epoch begins where that cannot be promised: in a new stream, after a gap in the log, and
-- after Redis has lost the end of the stream for good. Its first entry, EPOCH-0, has op RESYNC and
-- a reason, and tells readers to read the tables anew.
--
-- A later epoch has a higher number, so a reader may go on from any ID that it has saved. For that
-- the last number is also kept in PostgreSQL, where the relay is connected to the primary, and its
-- role has a consumer's rights on forge_change_log_consumers. Elsewhere, and where PostgreSQL as
-- well as Redis has lost the last number, the next one is above those that this relay has seen, and
-- at least what the clock of the database's server says. If Redis has come back with the end of an
-- earlier epoch, and no relay runs any more that has seen a later one, that one goes on: delete the
-- stream in such a case.
--
-- Where to go on is kept in the stream: the last entry of each batch has the position behind it. A
-- batch is written by a script that compares the stream's last ID first, so it is there as a whole
-- or not at all, and of two relays one writes; an ID that is not above the last one is refused by
-- Redis in any case.
local forgelog = require "forgelog"
local socket = require "socket"

package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local shared = require "shared_redis"

local unpack = rawget(table, "unpack") or unpack

local BATCH, CHECK = 500, 1 -- changes at once; seconds between two looks at a stream that rests
local PAUSE, PAUSE_MOST = 1, 5 -- seconds before it begins again after a failure
local TIMEOUT = 10 -- seconds that Redis may take for an answer

local conninfo = arg[1]
local server = shared.server(arg[2] or "redis://127.0.0.1:6379")
local stream = arg[3] or "forgelog"
local entries = shared.number("ENTRIES", arg[4] or "1000000", true)

-- Finds the ID that was given last, also where that entry is gone: "" where there is no stream.
local LAST = [[
local last = ''
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
]]

-- Returns it, and the position in the entry of that ID; false where there is none.
local STATE = LAST .. [[
local position = false
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)) do
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if entry[1] == last and fields[i] == 'position' then position = fields[i + 1] end
  end
end
return { last, position }
]]

-- Arguments: the last ID that the stream must have, how many entries to keep, and for each entry
-- its ID, the number of texts that follow, and these, names and values by turns. Returns 0 where
-- the stream has another last ID.
local APPEND = LAST .. [[
if last ~= ARGV[1] then return 0 end
local at = 3
while at <= #ARGV do
  local texts = tonumber(ARGV[at + 1])
  redis.call('XADD', KEYS[1], ARGV[at], unpack(ARGV, at + 2, at + 1 + texts))
  at = at + 2 + texts
end
if at > 3 then redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2]) end
return 1
]]

-- Makes a new epoch, above all that the database has heard of: the time in milliseconds by its
-- clock, unless that is behind. The row is as one of a consumer that saves no position. Parameters:
-- the stream, and what the epoch must be at least.
local RAISE = [[
INSERT INTO forge_change_log_consumers AS c (name, epoch)
VALUES ('relay ' || $1::text,
        greatest($2::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
    ON CONFLICT (name) DO UPDATE SET epoch = greatest(c.epoch + 1, excluded.epoch)
RETURNING c.epoch::text AS epoch
]]

-- The same where nothing can be written: a standby (SQLSTATE), a missing right, a plain log.
local CLOCK = [[
SELECT greatest($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)::text AS epoch
]]
local NOT_WRITTEN = { ["25006"] = true, ["42501"] = true, ["42P01"] = true, ["42703"] = true }

local newest = 0 -- the newest epoch that this program has seen

-- Not a failure: the other relay writes, or the stream was lost, which the next epoch tells.
local MOVED = "the stream is not as this relay left it"

-- As assert does, on Lua 5.1 too, whose assert takes no error tables.
local function must(value, err)
  if not value then error(err, 0) end
  return value
end

-- The fields of an entry, names and values by turns. What a change does not have is left out.
local function fields_of(change)
  local list = {}
  local function add(name, value)
    if value ~= nil then list[#list + 1], list[#list + 2] = name, value end
  end
  for _, name in ipairs { "table_name", "op", "row_id", "changed_cols", "context" } do
    add(name, change[name])
  end
  for _, name in ipairs { "txid", "key_cols" } do
    add(name, change[name] and ("%d"):format(change[name]))
  end
  add("created_at", change.created_at and ("%.6f"):format(change.created_at))
  for name, value in pairs(change.old or {}) do add("old." .. name, value) end
  for name, value in pairs(change.new or {}) do add("new." .. name, value) end
  add("omitted", change.omitted and table.concat(change.omitted, ","))
  return list
end

-- What a relay has at hand while nothing fails: both connections, the last ID of the stream, and
-- whether it has come as far as to write (done). A failure after that is a new one.
local Relay = {}
Relay.__index = Relay

function Relay:append(list)
  local texts = { APPEND, 1, stream, self.last, entries }
  for _, entry in ipairs(list) do
    texts[#texts + 1] = entry.id
    texts[#texts + 1] = #entry.fields
    for _, text in ipairs(entry.fields) do texts[#texts + 1] = text end
  end
  local written = self.client:eval(texts)
  self.done = true
  if written == 0 then error(MOVED, 0) end
  self.last = #list > 0 and list[#list].id or self.last
end

-- Returns where to go on.
function Relay:begin_epoch(reason)
  local position = must(self.log:position())
  local least = math.max(newest, tonumber(self.last:match("^%d+")) or 0) + 1
  local rows, err = self.log:query(RAISE, stream, ("%.0f"):format(least))
  if not rows and NOT_WRITTEN[err.sqlstate] then
    rows, err = self.log:query(CLOCK, ("%.0f"):format(least))
  end
  self.epoch = must(rows, err)[1].epoch
  local fields = { "op", "RESYNC", "reason", reason, "position", position }
  self:append { { id = self.epoch .. "-0", fields = fields } }
  newest = tonumber(self.epoch)
  io.stderr:write(("relay: epoch %s begins: %s\n"):format(self.epoch, reason))
  return position
end

-- The stream says where to go on. It does not where it is new, or its last entry was deleted, or
-- Redis has come back with an older epoch than one that this relay has seen.
function Relay:find_position()
  local last, position = unpack(self.client:eval(STATE, 1, stream))
  self.last, self.epoch = last, last:match("^%d+")
  if position and tonumber(self.epoch) >= newest then
    newest = tonumber(self.epoch)
    return position
  end
  return self:begin_epoch((last == "" or last == "0-0") and "start" or "lost")
end

function Relay:write(changes, position)
  local list = {}
  for i, change in ipairs(changes) do
    list[i] = { id = ("%s-%d"):format(self.epoch, change.seq), fields = fields_of(change) }
  end
  local fields = list[#list].fields
  fields[#fields + 1], fields[#fields + 2] = "position", position
  self:append(list)
end

-- Works until something fails, which is raised. The feed itself survives what may happen to its
-- connection.
function Relay:run()
  self.log = must(forgelog.connect(conninfo))
  self.client = shared.connect(server, TIMEOUT)
  local feed = self.log:follow(self:find_position(), { settled = true })
  while true do
    local changes, err = feed:batch(BATCH, CHECK)
    if changes then
      self:write(changes, feed:position())
    elseif err.kind == "gap" then
      feed:close()
      feed = self.log:follow(self:begin_epoch(err.reason), { settled = true })
    elseif err.kind == "timeout" then
      self:append {}
    else
      error(err, 0)
    end
  end
end

function Relay:close()
  if self.log then self.log:close() end
  if self.client then self.client.network.socket:close() end
end

local failures, said = 0, nil
while true do
  local relay = setmetatable({}, Relay)
  local _, err = pcall(relay.run, relay)
  relay:close()
  if relay.done then failures, said = 0, nil else failures = failures + 1 end
  if err ~= MOVED and tostring(err) ~= said then
    said = tostring(err)
    io.stderr:write("relay: ", said, "\n")
  end
  if type(err) == "table" and not err.retryable then os.exit(1) end
  socket.sleep(math.min(PAUSE * 2 ^ failures, PAUSE_MOST))
end
