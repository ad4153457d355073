-- README's code, run as it stands there.
local docs = require "support.docs"
local forgelog = require "forgelog"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local root, version = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA_VERSION")
local blocks = docs.blocks("README.md")

local function find(language, part) return docs.find(blocks, language, part) end

-- What README's smaller pieces take for granted.
local prelude = [[
local forgelog = require "forgelog"
local log = assert(forgelog.connect())
local position, first = tonumber(arg[1]), tonumber(arg[1])
local function handle(change) print("handled", change.seq) end
local function reload() print("reloaded") end
]]

describe("README's Lua", function()
  local db, log

  setup(function()
    db = support.database()
    support.psql("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)", db)
    log = assert(forgelog.connect(db))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  local function run(text, position)
    if text:find("forgelog.connect(", 1, true) then return docs.lua(db, text, "") end
    return docs.lua(db, text .. "\nprint('position', position, position ~= first)", prelude, position or 1)
  end

  it("shows at work what the comments say", function()
    local example = find("lua", "log:install()")
    assert.equal("1\tINSERT\torders\t7\tnil\n2\tUPDATE\torders\t7\ttotal\n", run(example))
    assert.truthy(example:find("1 INSERT orders 7 nil, 2 UPDATE orders 7 total", 1, true))
  end)

  it("follows", function()
    assert(log:query("INSERT INTO orders VALUES (8, 1)"))
    assert.equal("handled\t3\nposition\t1:3\ttrue\n", run(find("lua", "log:follow"), 2))
  end)

  it("goes on where there is no gap, resyncs where there is one", function()
    local block = find("lua", "gap")
    assert.equal("handled\t3\nposition\t3\ttrue\n", run(block, 2))
    assert.equal(3, log:trim(os.time() + 60, { min_rows = 0 }))
    assert.matches("^trimmed\t3\nreloaded\nposition\t%d+:3\ttrue\n$", run(block, 2))
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

describe("README's shell", function()
  local db
  setup(function() db = support.database() end)
  teardown(function() support.drop(db) end)

  it("installs, watches and drains", function()
    support.psql("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)", db)
    local output, errors = docs.sh(db, find("sh", "forgelog install"))
    assert.equal("", errors)
    assert.matches("installed the log in schema public\n.*\nwatching orders\n +1  %S+ %S+  INSERT +orders +6\n$", output)
  end)

  -- In a copy of the tree, with less of a load and one spec file; its own "make" must not inherit this one's variables.
  local block = find("sh", "make demo")
  if version == "5.4" then
    it("shows it at work, and tests", function()
      local copy = support.path("tree")
      docs.sh(db, ("mkdir '%s' && tar -C '%s' -cf - --exclude=./build --exclude=./.git . | tar -C '%s' -xf -"):format(copy, root,
        copy))
      local variables = "DEMO_SECONDS=3 DEMO_CLIENTS=2 DEMO_SCALE=1 TEST_VERSIONS=5.4 SPECS=spec/bounds_spec.lua c_specs="
      local output = docs.sh(db, ("unset MFLAGS MAKELEVEL MAKEOVERRIDES; export MAKEFLAGS=%s\n%s"):format(
        process.quote(variables), block), copy)
      assert.matches("forgelog  delivered %d+   lost 0   twice 0", output)
      assert.matches("\nlua%-5.4: %d+ passed, 0 failed.*\n%d+ passed, 0 failed\n$", output)
    end)
  end
end)

describe("README's OpenResty", function()
  local block = find("nginx", "forgelog.cache")
  if version ~= "jit" then return end

  it("keeps a cache that commits empty", function()
    local db = support.database()
    local log = assert(forgelog.connect(db))
    assert(log:query("CREATE TABLE product (id int PRIMARY KEY, price int); INSERT INTO product VALUES (1, 10)"))
    assert(log:install())
    assert(log:watch("product"))
    local http, times = block:gsub("host=/run/postgresql dbname=shop", db)
    assert.equal(1, times)
    local server = nginx.start({ http = http .. [[

      server {
        listen unix:$socket;
        location /up { return 200; }
        location /fresh { content_by_lua_block { ngx.print(tostring(products:fresh())) } }
        location /price { content_by_lua_block {
          ngx.print(products:get("1", function(id)
            local log = assert(require("forgelog").connect("]] .. db .. [["))
            local price = log:query("SELECT price FROM product WHERE id = $1", id)[1].price
            log:close()
            return price
          end), " ", products:stats().hits)
        } }
      }]] })
    finally(function()
      server:stop()
      log:close()
      support.drop(db)
    end)
    local function wait_for(path, answer)
      support.wait_until(function() return server:get(path) == answer end, path .. " to say " .. answer, 10)
    end
    wait_for("/fresh", "true")
    assert.equal("10 0", server:get("/price"))
    assert.equal("10 1", server:get("/price"))
    assert(log:query("UPDATE product SET price = 11"))
    support.wait_until(function() return server:get("/price"):match("^11 ") end, "the new price", 2)
  end)
end)

describe("README", function()
  find("", "writers ──commit──>") -- a picture

  it("has no block unknown to this spec", function()
    assert.same({}, docs.unknown(blocks))
  end)

  it("is short", function()
    assert.is_true(select(2, docs.read("README.md"):gsub("\n", "")) < 250)
  end)
end)
