--- Servers whose counter of transactions is about to wrap.
-- @module soak.wrap
local support = require "support"

local wrap = {}

local WRAP = 4294967296
-- No step may be so long that what is there already would seem to come later.
local STEP = 1900000000
local IN_A_SEGMENT = 1048576 -- transactions, of pg_xact

local function must(command, ...)
  local ok, output, errors = support.run(command:format(...))
  return ok and output or error(errors .. output, 2)
end

-- All databases forget the transactions of before.
local function freeze(server)
  support.psql("ALTER DATABASE template0 ALLOW_CONNECTIONS true", server.conninfo)
  for _, name in ipairs { "postgres", "template1", "template0" } do
    support.psql("VACUUM FREEZE", (server.conninfo:gsub("dbname=%S+", "dbname=" .. name)))
  end
  support.psql("ALTER DATABASE template0 ALLOW_CONNECTIONS false; CHECKPOINT", server.conninfo)
end

-- Has a stopped server go on with this number.
local function go_to(server, xid)
  local bin = must("%s/spec/support/postgres path", os.getenv("FORGELOG_ROOT")):match("[^:\n]+")
  local data = server.dir .. "/data"
  local segment = ("%s/pg_xact/%04X"):format(data, xid // IN_A_SEGMENT)
  must("[ -e %s ] || head -c 262144 /dev/zero >%s; chown --reference=%s %s", segment, segment,
    data .. "/PG_VERSION", segment)
  local owner = must("stat -c %%U %s/PG_VERSION", data):match("%S+")
  local as = must("id -un"):match("%S+") == owner and "" or
    ("setpriv --reuid %s --regid %s --init-groups -- "):format(owner, owner)
  must("cd / && %s%s/pg_resetwal -x %d -D %s", as, bin, xid, data)
end

--- Leaves a fresh server so many transactions before the wrap.
function wrap.bring_near(server, left)
  local xid, goal = 1000, WRAP - left
  repeat
    freeze(server)
    xid = math.min(xid + STEP, goal)
    server:stop()
    go_to(server, xid)
    server:start()
  until xid == goal
end

return wrap
