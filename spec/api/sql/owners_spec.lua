-- What somebody else has put in the place of forgelog's own objects is never run by a superuser:
-- install and watch refuse it, and say whose it is; the doctor names it.
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- A function that tries to gain rights, in the place of %s.
local TRAP = [[
CREATE FUNCTION %s LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER ROLE %%I SUPERUSER', session_user);
EXCEPTION WHEN OTHERS THEN
END $$;
]]

local HELPERS = {
  "forge_shape(rel oid) RETURNS text IMMUTABLE",
  "forge_describe(rel oid, OUT name text, OUT columns text[], OUT numbers int2[], OUT types oid[], "
    .. "OUT keys text[], OUT immediate boolean, OUT covered boolean)",
  "forge_compile(rel oid, op text, form text DEFAULT 'all', args text[] DEFAULT '{}') RETURNS text",
}

describe("objects of somebody else's", function()
  local db, log, role, drop_role, app

  before_each(function()
    db, log = logs.empty()
    role, drop_role = logs.role(log, "CREATE SCHEMA feed AUTHORIZATION %s")
    app = logs.as(db, role)
  end)
  after_each(function()
    app:close()
    local is = must(log, "SELECT rolsuper FROM pg_roles WHERE rolname = $1", role)[1]
    drop_role()
    log:close()
    support.drop(db)
    assert.is_false(is.rolsuper)
  end)

  local function refused(ok, err)
    assert.is_nil(ok)
    assert.equal("foreign_object", err.code)
    assert.is_truthy(err.message:find(role, 1, true))
  end

  it("are refused by install", function()
    for _, sql in ipairs({ "CREATE TABLE feed.forge_change_log (seq bigserial PRIMARY KEY, "
      .. "table_name text, op text)", "CREATE TABLE feed.forge_change_log_state (one int)",
      "CREATE VIEW feed.forge_change_log_watches AS SELECT 1",
      "CREATE TABLE feed.forge_change_log_consumers (name text)",
      "CREATE FUNCTION feed.forge_capture_insert() RETURNS trigger LANGUAGE plpgsql AS "
        .. "'BEGIN RETURN NULL; END'", TRAP:format("feed." .. HELPERS[1]) }) do
      must(app, sql)
      refused(log:install({ schema = "feed" }))
      must(log, "DROP OWNED BY " .. role)
      must(log, "CREATE SCHEMA IF NOT EXISTS feed AUTHORIZATION " .. role)
    end
  end)

  it("are not run by watch or install, nor passed over by the doctor", function()
    assert(log:install({ schema = "feed" }))
    must(log, "CREATE TABLE feed.t (id int PRIMARY KEY)")
    local superuser = logs.connect(db, { schema = "feed" })
    assert(superuser:watch("t"))
    must(log, "INSERT INTO feed.t VALUES (1)")
    for _, helper in ipairs(HELPERS) do
      must(app, ("DROP FUNCTION feed.%s"):format(helper:match("^[%w_]+")))
      must(app, TRAP:format("feed." .. helper))
      refused(superuser:watch("t"))
      refused(superuser:install({ schema = "feed" }))
      assert.equal("mixed_owners", findings.wrong(superuser, "owner")[1].code)
      must(app, ("DROP FUNCTION feed.%s"):format(helper:match("^[%w_]+")))
      assert.same({ true, true }, { superuser:install({ schema = "feed" }) })
    end
    superuser:close()
  end)

  it("are not run where the capture functions are to belong to a role that may log in", function()
    assert(log:install({ schema = "feed", owner = role }))
    must(log, "CREATE TABLE feed.t (id int PRIMARY KEY)")
    local owners = must(log, [[SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) AS names
      FROM pg_proc WHERE pg_get_userbyid(proowner) = $1 AND NOT prosecdef]], role)
    assert.same({ {} }, owners)
    must(app, "DROP FUNCTION feed.forge_shape;" .. TRAP:format("feed." .. HELPERS[1]))
    local superuser = logs.connect(db, { schema = "feed" })
    refused(superuser:watch("t"))
    refused(superuser:install({ schema = "feed", owner = role }))
    superuser:close()
  end)
end)
