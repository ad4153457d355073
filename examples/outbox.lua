-- Delivers the messages of the table "outbox", which an application writes in its transactions:
-- runs COMMAND for each one, with the message as JSON on its standard input, and then deletes it.
-- lua5.4 examples/outbox.lua COMMAND [conninfo]       runs until it is killed
-- A message comes at least once. Those of one aggregate come in the order of their ids, where its
-- writers wait for each other. One for which COMMAND fails OUTBOX_ATTEMPTS (10) times is parked,
-- and the later ones of its aggregate wait behind it.
-- It needs the table outbox (id bigserial PRIMARY KEY, aggregate text NOT NULL, body jsonb NOT
-- NULL), watched so: log:watch("outbox", { keep = { "aggregate" } }).
local consumer = require "forgelog.consumer"

local command, conninfo = arg[1], arg[2]
if not command then
  io.stderr:write("usage: outbox.lua COMMAND [conninfo]\n")
  os.exit(2)
end

-- Raises where the command failed, whatever os.execute returns in this Lua.
local function deliver(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  assert(file:write(text, "\n"))
  assert(file:close())
  local status = os.execute("(" .. command .. ") <" .. name)
  os.remove(name)
  if status ~= true and status ~= 0 then error(command .. " failed", 0) end
end

-- A message that is not there was delivered before.
local function send(log, which, ...)
  local sql = "SELECT id, to_jsonb(o)::text AS text FROM outbox o " .. which
  for _, message in ipairs(assert(log:query(sql, ...))) do
    deliver(message.text)
    assert(log:query("DELETE FROM outbox WHERE id = $1", message.id))
  end
end

local ok, err = consumer.new({
  conninfo = conninfo,
  name = "outbox",
  position = consumer.table(),
  tables = { "outbox" },
  ops = { "INSERT" },
  key = function(change) return change.new.aggregate end,
  attempts = tonumber(os.getenv("OUTBOX_ATTEMPTS") or 10),
  on_change = function(change, log) send(log, "WHERE id = $1", change.row_id) end,
  -- At the first start, and after a gap: what is in the table was not delivered.
  on_resync = function(_, log) send(log, "ORDER BY id") end,
  on_park = function(change, why)
    io.stderr:write(("outbox: message %s is parked: %s\n"):format(change.row_id, tostring(why)))
  end,
  on_error = function(why, attempt)
    io.stderr:write(("outbox: %s (attempt %d)\n"):format(tostring(why), attempt))
  end,
}):run()
if not ok then
  io.stderr:write("outbox: ", tostring(err), "\n")
  os.exit(1)
end
