--- Clusters that take the place of another one, at its address: upgraded, or restored.
-- @module soak.cluster
local process = require "support.process"
local situation = require "soak.situation"
local support = require "support"

local cluster = {}

local function must(command, ...)
  local ok, output, errors = support.run(command:format(...))
  return ok and output or error(errors .. output, 2)
end

-- Programs of the server's do not run as root.
local function as_owner(command)
  local _, id = support.run("id -u")
  if id:match("%d+") ~= "0" then return command end
  return ("setpriv --reuid postgres --regid postgres --init-groups -- %s"):format(command)
end

-- Puts an empty cluster in the place of the stopped one, whose data is in `data.old` then.
local function make_room(at, bin)
  local dir = at.server.dir
  must("cp -a %s/data/. %s/data.old && rm -rf %s/data/*", dir, dir, dir)
  must("cd / && %s -N -A trust -U postgres -E UTF8 --locale=C.UTF-8 -D %s/data",
    as_owner(bin .. "/initdb"), dir)
  must("cp %s/data.old/postgresql.conf %s/data/postgresql.conf", dir, dir)
end

-- Runs a command as the owner of the data in another root, which sees the server's folder as /c.
local function elsewhere(root, dir, command)
  local user = must("stat -c %%u:%%g %s/data.old", dir):match("%S+")
  must("mkdir -p %s/c && mount --bind %s %s/c", root, dir, root)
  local ok, output, errors = support.run(("chroot --userspec=%s %s sh -c %s"):format(user, root,
    process.quote("cd /c/upgrade && export LC_ALL=C.UTF-8 && " .. command)))
  must("umount %s/c", root)
  return ok and output or error(errors .. output, 0)
end

-- pg_upgrade wants its user to have a name there.
local function name_owner(root, dir)
  must("u=$(stat -c %%u %s/data.old); grep -q \"^[^:]*:[^:]*:$u:\" %s/etc/passwd || "
    .. "echo \"owner:x:$u:$u::/tmp:/bin/sh\" >>%s/etc/passwd", dir, root, root)
end

--- Upgrades the cluster by pg_upgrade to version 17, in a root of its own: see upgrade-root.
-- @return true, and the remark for the record; or nil and why it cannot be
function cluster.upgrade(at)
  local support_folder = os.getenv("FORGELOG_ROOT") .. "/spec/support/"
  local made, root, why = support.run(support_folder .. "upgrade-root")
  if not made then return nil, why:match("[^\n]*") end
  local found, bin, missing = support.run(support_folder .. "postgres-of 17")
  if not found then return nil, missing:match("[^\n]*") end
  local dir, new = at.server.dir, "/usr/lib/postgresql/17/bin"
  root, bin = root:match("%S+"), bin:match("%S+")
  at.server:stop()
  must("mv %s/data %s/data.old && mkdir -m 700 %s/data %s/upgrade", dir, dir, dir, dir)
  must("chown --reference=%s/data.old %s/data %s/upgrade && chmod 755 %s", dir, dir, dir, dir)
  name_owner(root, dir)
  elsewhere(root, dir, new .. "/initdb -N -A trust -U postgres -E UTF8 --locale=C.UTF-8 -D /c/data")
  must("cp %s/data.old/postgresql.conf %s/data/postgresql.conf", dir, dir)
  elsewhere(root, dir, new .. "/pg_upgrade --copy -b /old/bin -B " .. new
    .. " -d /c/data.old -D /c/data -U postgres -s /tmp")
  at.server.environment = "FORGELOG_PGBIN=" .. bin
  at.server:start()
  return true, ("from %s to %s"):format(must("cat %s/data.old/PG_VERSION", dir):match("%d+"),
    must("%s/postgres --version", bin):match("%S+\n"))
end

--- Dumps the cluster, and restores it into an empty one of a folder's version.
function cluster.restore(at, bin)
  local dump, dir = support.path("dump"), at.server.dir
  must("pg_dumpall -d %s -f %s", process.quote(at.server.conninfo), dump)
  at.server:stop()
  must("mkdir -m 700 %s/data.old && chown --reference=%s/data %s/data.old", dir, dir, dir)
  make_room(at, bin)
  at.server.environment = "FORGELOG_PGBIN=" .. bin
  at.server:start()
  must("psql -XAtq -d %s -f %s", process.quote(at.server.conninfo), dump)
  return true, ("into %s"):format(must("%s/postgres --version", bin):match("[^\n]*"))
end

--- Half of a load, then the cluster is another one, then the other half.
-- @tparam table told what each kind of witness is expected to tell
-- @func replace called with the situation at rest; true and a remark; or nil and why not
function cluster.replaced(run, told, replace)
  local at = situation.begin(run)
  for _, kind in ipairs { "file", "transaction", "feed" } do at:witness(kind, told[kind]) end
  at:load()
  at:more(run.commits / 2)
  at:rest()
  at:caught_up()
  at:disconnect()
  -- Nobody reads a cluster that is half restored.
  for _, each in ipairs(at.witnesses) do each.process:kill("STOP") end
  local done, remark = replace(at)
  if not done then return nil, remark end
  for _ = 1, 100 do at:ask("INSERT INTO item SELECT nextval('item_id'), 1") end
  for _, each in ipairs(at.witnesses) do each.process:kill("CONT") end
  at:load()
  at:more(run.commits / 2)
  return at:finish(remark)
end

return cluster
