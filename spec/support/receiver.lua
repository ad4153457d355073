--- A receiver of webhooks in a real nginx: it checks signatures by that server's own libcrypto,
-- notes what it takes, and can be told to be away, or what to refuse.
-- @module support.receiver
local nginx = require "support.nginx"

local receiver = {}
receiver.__index = receiver

local HTTP = [[
  lua_shared_dict seen 10m;
  init_by_lua_block {
    local ffi = require "ffi"
    ffi.cdef("const void *EVP_sha256(void); unsigned char *HMAC(const void *, const void *, int, "
      .. "const char *, size_t, unsigned char *, unsigned int *);")
    function sign(text)
      local bytes = ffi.new("unsigned char[32]")
      ffi.C.HMAC(ffi.C.EVP_sha256(), "$secret", $length, text, #text, bytes, nil)
      return "v1," .. ngx.encode_base64(ffi.string(bytes, 32))
    end
  }
  server {
    listen unix:$socket;
    listen 127.0.0.1:$port;
    location /up { return 200; }
    location /tell { content_by_lua_block {
      ngx.shared.seen:set("away", ngx.var.arg_away)
      ngx.shared.seen:set("drop", ngx.var.arg_drop == "yes")
      ngx.shared.seen:set("refuse", ngx.var.arg_refuse)
    } }
    location /seen { content_by_lua_block {
      local seen = ngx.shared.seen
      for i = 1, seen:get("count") or 0 do ngx.say(seen:get("event " .. i)) end
    } }
    location /tries { content_by_lua_block { ngx.print(ngx.shared.seen:get("tries") or 0) } }
    location /hook { content_by_lua_block {
      ngx.req.read_body()
      local seen, given = ngx.shared.seen, ngx.req.get_headers()
      local body, id, time = ngx.req.get_body_data() or "", given["webhook-id"] or "",
        tonumber(given["webhook-timestamp"] or 0)
      local tries = seen:incr("tries", 1, 0)
      if seen:get("away") ~= "0" then return ngx.exit(tonumber(seen:get("away"))) end
      if given["webhook-signature"] ~= sign(id .. "." .. time .. "." .. body)
        or math.abs(ngx.time() - time) > 300 then
        return ngx.exit(401)
      end
      if body:find(seen:get("refuse") or "-none-", 1, true) then return ngx.exit(422) end
      seen:set("event " .. seen:incr("count", 1, 0), id .. " " .. body)
      if seen:get("drop") and tries % 7 == 0 then return ngx.exit(444) end
      ngx.status = 204
    } }
  }]]

--- Starts one.
-- @string secret of 32 letters
function receiver.start(secret)
  local port = nginx.free_port()
  local server = nginx.start({ http = HTTP,
    vars = { secret = secret, length = tostring(#secret), port = tostring(port) } })
  local self = setmetatable({ server = server, url = ("http://127.0.0.1:%d/hook"):format(port) },
    receiver)
  self:tell {}
  return self
end

--- Tells it to be away (with that status; 444: without an answer), to refuse (with 422) events with
-- a text in them, or to end some connections without an answer to what it has taken.
-- @tparam table what `away` (int), `refuse` (text), `drop` (bool)
function receiver:tell(what)
  self.server:get(("/tell?away=%d&refuse=%s&drop=%s"):format(what.away or 0,
    what.refuse or "-none-", what.drop and "yes" or "no"))
end

--- How often anything was posted.
function receiver:tries() return tonumber(self.server:get("/tries")) end

--- What it has taken, in that order: a list of tables with `id` and `body`.
function receiver:events()
  local list = {}
  for id, body in self.server:get("/seen"):gmatch("(%d+) ([^\n]*)\n") do
    list[#list + 1] = { id = tonumber(id), body = body }
  end
  return list
end

--- Ends it.
function receiver:stop() self.server:stop() end

return receiver
