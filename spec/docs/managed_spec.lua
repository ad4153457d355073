-- docs/managed-servers.md: its commands, as the administrator that a managed service gives (no
-- superuser, may create roles), and what that role may and may not do.
local docs = require "support.docs"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local must = logs.must
local blocks = docs.blocks("docs/managed-servers.md")
local ROLES = "feed_installer, managed_admin, managed_app"

describe("a managed server", function()
  local db, super, admin, app

  local function as(role) return (db:gsub("user=%S+", "user=" .. role)) end

  setup(function()
    db = support.database()
    super = logs.connect(db)
    must(super, "CREATE ROLE managed_admin LOGIN NOSUPERUSER CREATEROLE CREATEDB;"
      .. "CREATE ROLE managed_app LOGIN")
    must(super, ("ALTER DATABASE %s OWNER TO managed_admin"):format(db:match("dbname=(%S+)")))
    must(super, "GRANT CREATE ON SCHEMA public TO managed_admin")
    admin = logs.connect(as "managed_admin")
    must(admin, "CREATE TABLE orders (id int PRIMARY KEY, total numeric);"
      .. "GRANT ALL ON orders TO managed_app")
    app = logs.connect(as "managed_app")
  end)
  teardown(function()
    app:close()
    admin:close()
    must(super, "DROP OWNED BY " .. ROLES .. " CASCADE")
    must(super, ("ALTER DATABASE %s OWNER TO CURRENT_USER"):format(db:match("dbname=(%S+)")))
    must(super, "DROP ROLE " .. ROLES)
    super:close()
    support.drop(db)
  end)

  it("needs no superuser to install, watch, drain, trim and be looked after", function()
    support.psql(docs.find(blocks, "sql", "CREATE ROLE feed_installer"), as "managed_admin")
    docs.sh(db, docs.find(blocks, "sh", "forgelog install --schema feed"))
    assert.equal(0, #docs.unknown(blocks))

    must(app, "INSERT INTO orders VALUES (1, 2); UPDATE orders SET total = 3")
    local own = assert(forgelog.connect(as "feed_installer", { schema = "feed" }))
    local seen = {}
    for change in own:drain() do seen[#seen + 1] = change.op end
    assert.same({ "INSERT", "UPDATE" }, seen)
    assert.matches("^%d+:2", assert(own:position()))
    assert(own:status())
    assert.equal(2, (assert(own:trim(os.time() + 60, { min_rows = 0 }))))
    own:close()

    assert.is_nil((app:query("SELECT FROM feed.forge_change_log")))
  end)

  it("lets a role own something only where its administrator is a member of it", function()
    must(admin, "CREATE ROLE managed_owner; CREATE SCHEMA own;"
      .. "CREATE FUNCTION own.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
      .. "GRANT CREATE ON SCHEMA own TO managed_owner")
    local change = "ALTER FUNCTION own.f() OWNER TO managed_owner"
    assert.equal("42501", select(2, admin:query(change)).sqlstate)
    must(admin, "GRANT managed_owner TO CURRENT_USER")
    must(admin, change)
    must(super, "DROP OWNED BY managed_owner CASCADE; DROP ROLE managed_owner")
  end)

  it("leaves pg_read_all_stats and session_replication_role to those who were granted them",
    function()
      local version = tonumber(must(super, "SHOW server_version_num")[1].server_version_num)
      must(admin, "CREATE ROLE managed_monitor")
      local granted = admin:query("GRANT pg_read_all_stats TO managed_monitor")
      assert.equal(version < 160000, granted ~= nil)
      if version >= 160000 then
        must(super, "GRANT pg_read_all_stats TO managed_admin WITH ADMIN OPTION")
        must(admin, "GRANT pg_read_all_stats TO managed_monitor")
        must(super, "REVOKE pg_read_all_stats FROM managed_admin CASCADE")
      end
      must(super, "DROP ROLE managed_monitor")

      local set = "SET session_replication_role = replica"
      assert.equal("42501", select(2, admin:query(set)).sqlstate)
      if version >= 150000 then
        must(super, "GRANT SET ON PARAMETER session_replication_role TO managed_admin")
        must(admin, set)
        must(super, "REVOKE SET ON PARAMETER session_replication_role FROM managed_admin")
      end
    end)
end)
