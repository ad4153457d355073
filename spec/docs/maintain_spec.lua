-- examples/maintain.lua: what a program does that keeps a log in order.
local forgelog = require "forgelog"
local support = require "support"

local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")

describe("examples/maintain.lua", function()
  local db, log

  -- 50 changes, the first 30 of them three days old.
  before_each(function()
    db = support.database()
    log = assert(forgelog.connect(db))
    assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)"))
    assert(log:install())
    assert(log:watch("orders"))
    assert(log:query("INSERT INTO orders SELECT g, g FROM generate_series(1, 50) g"))
    assert(log:query("UPDATE forge_change_log SET created_at = created_at - interval '3 days' "
      .. "WHERE seq <= 30"))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function maintain(options, conninfo)
    local _, output, errors, status = support.run(
      ("'%s' '%s/examples/maintain.lua' %s '%s'"):format(lua, root, options,
      conninfo or db))
    return status, output, errors
  end

  it("deletes what is older, and says so", function()
    local status, output, errors = maintain("--min-rows 0")
    assert.equal(0, status, errors)
    assert.matches("^deleted 30 changes older than 24 hours in %d+%.%d s; seq 31 to 50 remain\n$",
      output)
    assert.equal(31, log:min_seq())
    status, output = maintain("--hours 0 --min-rows 0")
    assert.equal(0, status)
    assert.matches("^deleted 20 changes older than 0 hours in .*; the log is empty\n$", output)
  end)

  it("keeps the newest rows whatever their age", function()
    assert.equal(0, (maintain("--min-rows 40")))
    assert.equal(11, log:min_seq())
    assert.equal(0, (maintain("")))
    assert.equal(11, log:min_seq())
  end)

  it("is silent when told to be", function()
    local status, output, errors = maintain("--quiet --min-rows 0")
    assert.equal(0, status)
    assert.equal("", output .. errors)
    assert.equal(31, log:min_seq())
  end)

  it("finds a log in another schema", function()
    assert(log:query("CREATE SCHEMA feed; INSERT INTO orders VALUES (99, 1)"))
    assert(log:install { schema = "feed" })
    local status, output = maintain("--schema feed")
    assert.equal(0, status)
    assert.matches("deleted 0 .*the log is empty", output)
  end)

  it("ends with 3 while another session trims", function()
    assert(log:query("SELECT pg_advisory_lock(77306496745475)"))
    local status, output = maintain("--quiet --min-rows 0")
    assert.equal(3, status)
    assert.matches("deleted 0 changes .*; another session is trimming\n$", output)
    assert.equal(1, log:min_seq())
  end)

  it("ends with 1 on a failure and on arguments that make no sense", function()
    local status, output, errors = maintain("", "host=/nowhere")
    assert.equal(1, status)
    assert.equal("", output)
    assert.matches("^maintain: forgelog: connect: ", errors)
    for _, options in ipairs { "--hours=-1", "--hours soon", "--min-rows 1.5", "--wrong" } do
      status, output, errors = maintain(options)
      assert.equal(1, status, options)
      assert.equal("", output)
      assert.is_true(#errors > 0)
    end
    assert.equal(1, log:min_seq())
  end)
end)
