-- Sends each change of the table "orders" to a web hook, signed as standardwebhooks.com says: by
-- HMAC-SHA256 over the event's id, the time, and the body. Receivers have libraries for that.
-- WEBHOOK_SECRET=whsec_BASE64 lua5.4 examples/webhook.lua URL [conninfo]    runs until it is killed
-- An event comes at least once. Its id is the seq of the change, the same each time that it comes.
-- While the receiver is away, the event is tried again until it is back. One that the receiver
-- refuses WEBHOOK_ATTEMPTS (10) times is parked, and later events of that order with it.
-- It needs the program curl, the Lua modules openssl and mime (Debian: lua-luaossl, lua-socket),
-- and a watched table "orders" with the key "id bigint": log:install(), log:watch("orders").
local consumer = require "forgelog.consumer"
local hmac = require "openssl.hmac"
local mime = require "mime"

local url, conninfo = arg[1], arg[2]
local secret = mime.unb64((os.getenv("WEBHOOK_SECRET") or ""):match("^whsec_(.+)$") or "")
if not url or not secret or secret == "" then
  io.stderr:write("usage: WEBHOOK_SECRET=whsec_BASE64 webhook.lua URL [conninfo]\n")
  os.exit(2)
end

local function quote(word) return "'" .. word:gsub("'", [['\'']]) .. "'" end

-- Posts the text; returns the status of the answer, or nil where there was none in 10 seconds.
local function post(body, headers)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  assert(file:write(body))
  assert(file:close())
  local words = { "curl -sS -o /dev/null -w '%{http_code}' --max-time 10 --data-binary",
    quote("@" .. name) }
  for _, header in ipairs(headers) do words[#words + 1] = "-H " .. quote(header) end
  local pipe = assert(io.popen(table.concat(words, " ") .. " -- " .. quote(url)))
  local status = tonumber(pipe:read("*a"))
  pipe:close()
  os.remove(name)
  return status ~= 0 and status or nil
end

-- Statuses of a receiver that is away or busy, whatever it is sent.
local AWAY = { [408] = true, [429] = true, [502] = true, [503] = true, [504] = true }

-- What says that the receiver is away passes by itself: the event is not to blame.
local function check(status)
  if not status then error({ retryable = true, message = "no answer" }, 0) end
  if AWAY[status] then error({ retryable = true, message = "it answers " .. status }, 0) end
  if status < 200 or status > 299 then error("it answers " .. status, 0) end
end

-- The row as it is by now; null where it is gone, or where the whole table is meant.
local EVENT = [[
  SELECT jsonb_build_object('type', 'orders.' || lower($1::text), 'id', $2::text,
    'at', to_timestamp($3::float8),
    'row', (SELECT to_jsonb(o) FROM orders o WHERE id = $2::text::bigint))::text AS body]]

local function send(change, log)
  local body = assert(log:query(EVENT, change.op, change.row_id, change.created_at))[1].body
  local id, time = ("%d"):format(change.seq), ("%d"):format(os.time())
  local signature = hmac.new(secret, "sha256"):final(id .. "." .. time .. "." .. body)
  check(post(body, { "content-type: application/json", "webhook-id: " .. id,
    "webhook-timestamp: " .. time, "webhook-signature: v1," .. mime.b64(signature) }))
end

local ok, err = consumer.new({
  conninfo = conninfo,
  name = "webhook",
  position = consumer.table(),
  start = "now",
  tables = { "orders" },
  attempts = tonumber(os.getenv("WEBHOOK_ATTEMPTS") or 10),
  on_change = send,
  on_park = function(change, err)
    io.stderr:write(("webhook: event %d is parked: %s\n"):format(change.seq, err.message))
  end,
  on_error = function(err, attempt) -- by its message: its kind says nothing of the receiver
    io.stderr:write(("webhook: %s (attempt %d)\n"):format(err.message, attempt))
  end,
}):run()
if not ok then
  io.stderr:write("webhook: ", tostring(err), "\n")
  os.exit(1)
end
