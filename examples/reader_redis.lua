-- Reads the stream that relay_redis.lua writes, as one of a group: each change is handed to one
-- reader of the group, and comes again, there or elsewhere, until it was handled. Groups know
-- nothing of each other. This one prints the changes.
-- lua5.1 examples/reader_redis.lua GROUP NAME [REDIS [STREAM [SECONDS]]]
-- NAME is this reader's own within the group. What a reader that has died left behind is taken over
-- after SECONDS (60): longer than a handler ever works. REDIS is a URL as for relay_redis.lua, and
-- it needs what that one needs there, but Redis 7 or later.
--
-- RESYNC says that the tables have to be read anew: where a new epoch begins, which the relay says,
-- and where Redis has trimmed away what the group had not handled, which a reader sees by itself. A
-- new group has not handled the beginning, so it is told, too. With several readers in a group two
-- may handle changes of one row at a time: so look the row up, whatever the change says.
local redis = require "redis"
local socket = require "socket"

package.path = (arg[0]:match("^.*/") or "./") .. "?.lua;" .. package.path
local shared = require "shared_redis"

local BATCH = 100 -- entries at once
local BLOCK, PAUSE = 5, 1 -- seconds to wait for an entry at most, and after an error
local TIMEOUT = 10 -- seconds that Redis may take for an answer

local group, name = arg[1], arg[2]
if not name then
  io.stderr:write("usage: reader_redis.lua GROUP NAME [REDIS [STREAM [SECONDS]]]\n")
  os.exit(1)
end
local server = shared.server(arg[3] or "redis://127.0.0.1:6379")
local stream, seconds = arg[4] or "forgelog", shared.number("SECONDS", arg[5] or "60")
for _, word in ipairs { "xack", "xautoclaim", "xgroup", "xpending", "xrange", "xreadgroup",
  "xrevrange" } do
  redis.commands[word] = redis.command(word)
end

-- What to do is each program's own affair. Both may be called again for what was done before.

local function resync(reason) print("RESYNC", reason) end

local function handle(change)
  print(change.id, change.op, change.table_name, change.row_id or "")
end

-- The fields of an entry by their names; nil where it was trimmed away.
local function change_of(entry)
  local id, fields = entry[1], entry[2]
  if not fields then return nil end
  local change = { id = id }
  for i = 1, #fields, 2 do change[fields[i]] = fields[i + 1] end
  return change
end

-- Whether something may be missing before an entry. Redis trims from the beginning: where the entry
-- before it is still there, nothing between what the group had and this one is gone.
local function is_first(client, entry)
  return not client:xrevrange(stream, "(" .. entry[1], "-", "COUNT", 1)[1]
end

-- Handles entries, and then says so. If this program dies in between, they come again.
local function work(client, list)
  if #list == 0 then return end
  local first, done = is_first(client, list[1]), { stream, group }
  for i, entry in ipairs(list) do
    local change = change_of(entry)
    if change and change.op == "RESYNC" then
      resync(change.reason)
    else
      if not change or (i == 1 and first) then resync("trimmed") end
      if change then handle(change) end
    end
    done[#done + 1] = entry[1]
  end
  io.flush()
  client:xack(done)
end

local function milliseconds(time) return ("%.0f"):format(math.max(time * 1000, 1)) end

-- New entries (">"), or those that this reader was given before and has not handled ("0").
local function read(client, from)
  local answer = client:xreadgroup("GROUP", group, name, "COUNT", BATCH, "BLOCK",
    milliseconds(math.min(BLOCK, seconds / 2)), "STREAMS", stream, from)
  return answer and answer[1][2] or {}
end

-- What readers that have died were given, and did not handle. Redis forgets what of it was trimmed
-- away as soon as it is taken over, so that is looked for before.
local function take_over(client)
  local lowest, from = client:xpending(stream, group)[2], "0-0"
  if lowest and not client:xrange(stream, lowest, lowest)[1] then resync("trimmed") end
  repeat
    local answer = client:xautoclaim(stream, group, name, milliseconds(seconds), from, "COUNT",
      BATCH)
    from = answer[1]
    work(client, answer[2])
  until from == "0-0"
end

local function run()
  local client = shared.connect(server, BLOCK + TIMEOUT)
  local made, err = pcall(client.xgroup, client, "CREATE", stream, group, "0", "MKSTREAM")
  if not made and not err:find("BUSYGROUP", 1, true) then error(err, 0) end
  local list
  repeat
    list = read(client, "0")
    work(client, list)
  until #list == 0
  local taken_over
  while true do
    if not taken_over or socket.gettime() - taken_over > seconds / 2 then
      take_over(client)
      taken_over = socket.gettime()
    end
    work(client, read(client, ">"))
  end
end

while true do
  local _, err = pcall(run)
  io.stderr:write("reader: ", tostring(err), "\n")
  socket.sleep(PAUSE)
end
