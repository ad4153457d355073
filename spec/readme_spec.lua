-- README's code, run as it stands there.
local forgelog = require "forgelog"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")

local file = assert(io.open(root .. "/README.md"))
local readme = file:read("*a")
file:close()

local blocks = { lua = {}, sql = {} }
for language, text in readme:gmatch("\n```(%l+)\n(.-)\n```") do
  if blocks[language] then table.insert(blocks[language], text) end
end

-- What README's smaller pieces take for granted.
local prelude = [[
local forgelog = require "forgelog"
local log = assert(forgelog.connect())
local position, first = tonumber(arg[1]), tonumber(arg[1])
local function handle(change) print("handled", change.seq) end
local function reload() print("reloaded") end
]]

local function find(language, pattern)
  for _, text in ipairs(blocks[language]) do
    if text:find(pattern, 1, true) then return text end
  end
  error("README has no " .. language .. " block with " .. pattern)
end

describe("README's Lua", function()
  local db, log

  setup(function()
    db = support.database()
    support.psql("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric); CREATE TABLE customers (id bigint PRIMARY KEY)", db)
    log = assert(forgelog.connect(db))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- Runs a block in a program of its own; returns what it printed.
  local function run(text, position)
    if not text:find("forgelog.connect(", 1, true) then
      text = prelude .. text .. "\nprint('position', position, position ~= first)"
    end
    local script = support.path("readme.lua")
    local out = assert(io.open(script, "w"))
    out:write(text)
    out:close()
    local ok, output, errors = support.run(("PGDATABASE=%s '%s' %s %s"):format(db:match("dbname=(%S+)"),
      os.getenv("FORGELOG_LUA"), script, position or 1))
    assert.is_true(ok, errors .. output)
    return output
  end

  it("has blocks, each of them known to this spec", function()
    assert.equal(5, #blocks.lua)
    assert.equal(2, #blocks.sql)
  end)

  it("shows at work what the comments say", function()
    local example = find("lua", "log:install()")
    assert.equal("1\tINSERT\torders\t7\tnil\n2\tUPDATE\torders\t7\ttotal\n", run(example))
    assert.truthy(example:find("1 INSERT orders 7 nil, 2 UPDATE orders 7 total", 1, true))
  end)

  it("drains some tables from a position taken before", function()
    assert(log:watch("customers"))
    assert(log:query("INSERT INTO customers VALUES (1); INSERT INTO orders VALUES (8, 1)"))
    local output = run(find("lua", "tables ="), 2)
    assert.matches("^handled\t4\nposition\t%d+:4\ttrue\n$", output)
  end)

  it("follows", function()
    assert.equal("handled\t3\nposition\t1:3\ttrue\n", run(find("lua", "log:follow"), 2))
  end)

  it("goes on where there is no gap, resyncs where there is one", function()
    local block = find("lua", "gap")
    assert.equal("handled\t3\nhandled\t4\nposition\t4\ttrue\n", run(block, 2))
    assert.equal(4, log:trim(os.time() + 60, { min_rows = 0 }))
    assert.matches("^trimmed\t4\nreloaded\nposition\t%d+:4\ttrue\n$", run(block, 2))
  end)

  it("consumes exactly once", function()
    assert(log:query("CREATE TABLE copy (LIKE orders)"))
    local block = find("lua", "consumer.new"):gsub("copy:close%(%)", "print(copy:stats().resyncs, copy:step(1), %0)")
    assert.matches("^1\tnil\n", run(block)) -- one resync, then nothing to do
    assert.same(log:query("SELECT * FROM orders ORDER BY id"), log:query("SELECT * FROM copy ORDER BY id"))
    assert(log:query("UPDATE orders SET total = 99 WHERE id = 7"))
    assert.matches("^0\tnil\n", run(block))
    assert.same(log:query("SELECT * FROM orders ORDER BY id"), log:query("SELECT * FROM copy ORDER BY id"))
  end)
end)

describe("README", function()
  it("names methods that exist", function()
    local count = 0
    local db = support.database()
    local log = assert(forgelog.connect(db))
    local methods = getmetatable(log).__index
    for name in readme:gmatch("log:([%a_]+)%(") do
      assert.equal("function", type(methods[name]), name)
      count = count + 1
    end
    log:close()
    support.drop(db)
    assert.is_true(count > 15)
  end)

  it("names files that exist", function()
    local count = 0
    local function exists(name)
      if name:find("*", 1, true) then return end
      count = count + 1
      local found = assert(io.open(root .. "/" .. name))
      found:close()
    end
    for folder, names in readme:gmatch("\n| `(src/[%w/]-)([%w_*.]+`[^|]-) |") do
      for name in names:gmatch("([%w_/.*]+)`") do exists(folder .. name) end
    end
    for name in readme:gmatch("%]%(([%w_/.]+)%)") do exists(name) end
    assert.is_true(count > 15)
  end)
end)

describe("README's roles", function()
  local db, log
  local roles = "feed_installer, feed_reader, feed_trimmer, app_writer"

  setup(function()
    db = support.database()
    log = assert(forgelog.connect(db, { schema = "feed" }))
    for role in roles:gmatch("[%a_]+") do assert(log:query("CREATE ROLE " .. role .. " LOGIN")) end
    assert(log:query("CREATE SCHEMA feed; CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)"))
    assert(log:query("GRANT INSERT, UPDATE, DELETE, SELECT ON orders TO app_writer"))
  end)
  teardown(function()
    assert(log:query("DROP OWNED BY " .. roles .. " CASCADE; DROP ROLE " .. roles))
    log:close()
    support.drop(db)
  end)

  local function as(role)
    return assert(forgelog.connect((db:gsub("user=%S+", "user=" .. role)), { schema = "feed" }))
  end

  -- The error itself: busted's assert makes another one of it.
  local function must(value, err)
    if not value then error(err, 0) end
    return value
  end

  -- What each role is there for, done in a transaction that leaves nothing behind.
  local work = {}

  function work.feed_installer(own)
    must(own:install())
    must(own:watch("orders"))
  end

  function work.feed_reader(own)
    local seen = 0
    for _ in own:drain(1) do seen = seen + 1 end
    assert(seen == 2)
    assert(must(own:position()):match("^%d+:3$"))
    assert(must(own:gap(99)) == "reset")
    assert(must(own:min_seq()) == 1 and must(own:max_seq()) == 3 and must(own:horizon()) == 3)
  end

  function work.feed_trimmer(own)
    assert(must(own:trim(os.time() + 60, { min_rows = 2 })) == 1)
  end

  local function try(role)
    local own = as(role)
    assert(own:query("BEGIN"))
    local ok, err = pcall(work[role], own)
    own:query("ROLLBACK")
    own:close()
    return ok, err
  end

  -- Every right that a block grants is enough with the others, and missed without.
  local function check(block)
    support.psql(block, db)
    local rights = 0
    for grant in block:gmatch("GRANT ([^;]+);") do
      local privileges, object, role = grant:match("^(.-) ON (.+) TO (%S+)$")
      local kind, names = object:match("^(SCHEMA) (.+)$")
      for privilege in privileges:gmatch("%u+") do
        for name in (names or object):gmatch("[^, ]+") do
          local right = privilege .. " ON " .. (kind or "") .. " " .. name
          assert(log:query("REVOKE " .. right .. " FROM " .. role))
          local ok, err = try(role)
          assert.is_false(ok, role .. " works without " .. right)
          assert.equal("42501", type(err) == "table" and err.sqlstate, role .. " without " .. right .. ": " .. tostring(err))
          assert(log:query("GRANT " .. right .. " TO " .. role))
          rights = rights + 1
        end
      end
      assert.truthy(try(role))
    end
    return rights
  end

  it("install, write, read and trim with these rights, and not without one of them", function()
    assert.equal(3, check(find("sql", "TO feed_installer")))
    local installer = as("feed_installer")
    work.feed_installer(installer)
    installer:close()

    local writer = as("app_writer")
    assert(writer:query("INSERT INTO orders VALUES (1, 1); UPDATE orders SET total = 2; DELETE FROM orders"))
    for _, sql in ipairs { "SELECT FROM feed.forge_change_log", "DELETE FROM feed.forge_change_log" } do
      local rows, err = writer:query(sql)
      assert.is_nil(rows)
      assert.equal("42501", err.sqlstate)
    end
    writer:close()

    assert.equal(6, check(find("sql", "TO feed_reader")))
  end)
end)
