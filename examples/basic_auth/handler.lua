-- A plugin in the shape that Kong gives to plugins: it lets in who has a name and a secret of the
-- table credentials, by HTTP's basic authentication. Each worker keeps what it was told of a name,
-- also that there is no such name, until somebody changes that row: a secret that is changed or
-- taken away is refused at once.
local digest = require "openssl.digest"
local forgelog_cache = require "forgelog.cache"
local lrucache = require "resty.lrucache"
local with_log = require "pool"

local plugin = { PRIORITY = 1100, VERSION = "1.0.0" }

local cache

-- The name is not the primary key, so it is kept with each change (log:watch("credentials",
-- { keep = { "username" } })): after a DELETE nothing else would tell it.
function plugin:init_worker()
  cache = forgelog_cache.new({
    tables = { "credentials" }, keys = forgelog_cache.kept("username"),
    near = lrucache.new(1000), -- of this worker, asked first
    cache = ngx.shared.credentials, position = "credentials_positions", -- of all workers
  })
  cache:start()
end

local function query(log, ...) return log:query(...) end

-- A text, since that is what shared memory holds: the secret's hash and the consumer.
local function load(username)
  local sql = "SELECT secret_hash || ' ' || consumer AS text FROM credentials WHERE username = $1"
  local rows, err = with_log(query, sql, username)
  if not rows then error(tostring(err), 0) end
  return rows[1] and rows[1].text or false -- kept too, until such a name is inserted
end

-- Secrets are long and random, so a hash without salt is enough. For passwords of people it is not.
local function hash(secret)
  return (digest.new("sha256"):final(secret):gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end

local function given()
  local encoded = (ngx.var.http_authorization or ""):match("^[Bb]asic%s+(%S+)%s*$")
  return (encoded and ngx.decode_base64(encoded) or ""):match("^([^:]+):(.*)$")
end

-- Ends the request unless the secret is right. While the database cannot be asked, a worker that
-- has not heard of it for three seconds lets nobody in.
function plugin:access(conf)
  local username, secret = given()
  local ok, found = true, false
  if username then ok, found = pcall(cache.get, cache, username, load) end
  if not ok then
    ngx.log(ngx.ERR, found)
    return ngx.exit(503)
  end
  local expected, consumer = (found or ""):match("^(%S+) (.*)$")
  if not expected or hash(secret) ~= expected then
    ngx.header["WWW-Authenticate"] = ('Basic realm="%s"'):format(conf.realm) -- luacheck: ignore 122
    return ngx.exit(401)
  end
  ngx.req.set_header("X-Consumer-Username", consumer)
  if conf.hide_credentials then ngx.req.clear_header("Authorization") end
end

return plugin
