-- examples/maintenance/roles.sql: the command works as each role, not without one of its rights,
-- and the role can do no more.
local command = require "support.command"
local exposition = require "support.exposition"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local must = logs.must
local file = os.getenv("FORGELOG_ROOT") .. "/examples/maintenance/roles.sql"
local ROLES = "forgelog_trimmer, forgelog_monitor, forgelog_reader"

describe("roles.sql", function()
  local feed, own, writer

  setup(function()
    feed = support.database()
    own = logs.connect(feed, { schema = "feed" })
    must(own, "CREATE SCHEMA feed; CREATE TABLE orders (id int PRIMARY KEY)")
    assert(own:install())
    assert(own:watch("orders"))
    must(own, "REVOKE CONNECT ON DATABASE " .. feed:match("dbname=(%S+)") .. " FROM PUBLIC")
    for _ = 1, 2 do
      assert(support.run(
        ("psql -Xq -v schema=feed -d %s -f %s"):format(process.quote(feed), process.quote(file))))
    end
    must(own, "INSERT INTO feed.forge_change_log_consumers VALUES ('search', '1:0', now())")
    must(own, "INSERT INTO feed.forge_change_log_backfills (consumer, table_name) "
      .. "VALUES ('search', 'orders')")
    writer = logs.connect(feed)
    must(writer, "BEGIN; INSERT INTO orders VALUES (0)")
  end)
  teardown(function()
    writer:close()
    must(own, "DROP OWNED BY " .. ROLES .. "; DROP ROLE " .. ROLES)
    own:close()
    support.drop(feed)
  end)

  local function as(role) return (feed:gsub("user=%S+", "user=" .. role)) end

  -- What has not ended after so many seconds has failed as well (124).
  local function run(role, arguments)
    local _, output, errors, status = support.run("timeout 10 "
      .. command.line(as(role), arguments .. " --schema feed"))
    return status, output, errors
  end

  -- What each role is there for: true where all of it was done; else what the command said.
  local work = {}

  function work.forgelog_trimmer(role)
    must(own, "INSERT INTO feed.forge_change_log (table_name, op, created_at) VALUES ('orders', "
      .. "'INSERT', '2020-01-01')")
    must(own, "UPDATE feed.forge_change_log SET created_at = '2020-01-01'")
    must(own, "UPDATE feed.forge_change_log_consumers SET position = '1:' || (SELECT max(seq) "
      .. "FROM feed.forge_change_log)")
    local status, output, errors = run(role, "trim --older-than 1h --min-rows 0 --keep-consumers")
    return status == 0 and output:find("^deleted [1-9]%d* changes? ") ~= nil, errors
  end

  function work.forgelog_monitor(role)
    local status, output, errors = run(role, "status --prometheus")
    if status ~= 0 then return false, errors end
    local shown = exposition.parse(output)
    return shown:value("forgelog_open_writers") == 1
      and (shown:value("forgelog_oldest_writer_age_seconds") or 0) > 0
      and shown:sample("forgelog_consumer_position_seq", { consumer = "search" }) ~= nil
      and shown:sample("forgelog_parked_changes", { consumer = "search" }) ~= nil
      and shown:sample("forgelog_backfill_rows", { consumer = "search" }) ~= nil, output
  end

  function work.forgelog_reader(role)
    must(own, "INSERT INTO feed.forge_change_log (table_name, op, created_at) VALUES ('orders', "
      .. "'INSERT', now())")
    local status, output, errors = run(role, "follow --name search --limit 1 --format tsv")
    return status == 0 and output:find("^%d+\torders\tINSERT\t") ~= nil, errors
  end

  -- Each right that is granted, one by one: the privilege, what on (or nothing, for a role's
  -- membership), the role.
  local function rights()
    local list = {}
    local opened = assert(io.open(file))
    local text = opened:read("*a"):gsub(':"schema"', "feed"):gsub(':"DBNAME"',
      (feed:match("dbname=(%S+)")))
    opened:close()
    for granted, role in text:gmatch("\nGRANT ([^;]+) TO ([%w_]+);") do
      local privileges, object = granted:match("^(.-) ON (.+)$")
      for privilege in (privileges or granted):gmatch("[%w_]+") do
        list[#list + 1] = { privilege .. (object and " ON " .. object or ""), role }
      end
    end
    return list
  end

  it("grants what each role's commands need", function()
    for role, try in pairs(work) do
      local ok, said = try(role)
      assert.is_true(ok, role .. ": " .. said)
    end
    local status, output, errors = run("forgelog_monitor", "doctor")
    assert.is_true(status ~= 1 and status ~= 2, output .. errors)
    must(writer, "COMMIT")
    status, output, errors = run("forgelog_reader", "drain --name other --format json")
    must(writer, "BEGIN; INSERT INTO orders VALUES (1)")
    assert.equal(0, status, errors)
    assert.truthy(output:find('"table_name":"public.orders"', 1, true))
  end)

  it("grants nothing that they do not need", function()
    local list = rights()
    assert.equal(20, #list)
    for _, right in ipairs(list) do
      must(own, ("REVOKE %s FROM %s"):format(right[1], right[2]))
      local ok, said = work[right[2]](right[2])
      must(own, ("GRANT %s TO %s"):format(right[1], right[2]))
      assert.is_false(ok, ("%s works without %s: %s"):format(right[2], right[1], said))
      assert.truthy(said:find("permission denied", 1, true) or right[2] == "forgelog_monitor", said)
      assert.is_true(work[right[2]](right[2]))
    end
  end)

  it("lets none of them do more", function()
    local LOG = "feed.forge_change_log"
    local STATE, CONSUMERS, PARKED = LOG .. "_state", LOG .. "_consumers", LOG .. "_parked"
    local forbidden = {
      { "INSERT INTO " .. LOG .. " (table_name, op, created_at) VALUES ('a', 'INSERT', now())",
        "all" },
      { "UPDATE " .. LOG .. " SET op = op", "all" }, { "TRUNCATE " .. LOG, "all" }, { "TRUNCATE "
        .. CONSUMERS, "all" },
      { "DELETE FROM " .. LOG, "monitor reader" }, { "SELECT FROM " .. STATE, "trimmer" },
      { "UPDATE " .. STATE .. " SET trimmed_to = 0", "all" }, { "DELETE FROM " .. CONSUMERS,
        "all" },
      { "UPDATE " .. CONSUMERS .. " SET position = position", "trimmer monitor" },
      { "INSERT INTO " .. CONSUMERS .. " VALUES ('x', '1:0', now())", "trimmer monitor" },
      { "DELETE FROM " .. PARKED, "all" }, { "SELECT FROM " .. PARKED, "trimmer reader" },
      { "SELECT nextval('feed.forge_change_log_seq_seq')", "all" }, { "SELECT FROM orders", "all" },
      { "CREATE TABLE feed.mine ()", "all" },
    }
    for role in ("trimmer monitor reader"):gmatch("%a+") do
      local connection = logs.connect(as("forgelog_" .. role))
      for _, one in ipairs(forbidden) do
        if one[2] == "all" or one[2]:find(role, 1, true) then
          local rows, err = connection:query(one[1])
          assert.equal("42501", not rows and err.sqlstate, role .. " may " .. one[1])
        end
      end
      connection:close()
    end
  end)
end)
