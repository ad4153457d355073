-- README's code, run as a newcomer runs it: in its order, on a server where nobody has made a
-- database or a table.
local docs = require "support.docs"
local forgelog = require "forgelog"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local root, version = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA_VERSION")
local blocks = docs.blocks("README.md")

local function find(language, part) return docs.find(blocks, language, part) end

describe("README", function()
  local server, newcomer, shop

  setup(function()
    server = support.server()
    newcomer = server.conninfo:gsub(" dbname=%S+", "")
    shop = newcomer .. " dbname=shop"
    assert.equal("postgres", support.psql(
      "SELECT string_agg(datname, ' ') FROM pg_database WHERE NOT datistemplate", server.conninfo))
  end)
  teardown(function() server:stop() end)

  it("begins with a paste into a shell that works on a new server, and again", function()
    local shell = find("sh", "forgelog watch")
    local output = docs.sh(newcomer, shell)
    local again = docs.sh(newcomer, shell)
    local shown = docs.plain(find("text", "INSERT    orders"))
    assert.matches("^installed the log in schema public\n.*\nwatching orders\n", output)
    assert.equal(shown, docs.plain(output:match("watching orders\n(.*)$")))
    assert.equal(shown, docs.plain(again:match("\n([^\n]+\n)$")))
  end)

  it("does the same in Lua, which works after that, and again", function()
    local program = find("lua", "log:install()")
    local first, second = docs.lua(newcomer, program, ""), docs.lua(newcomer, program, "")
    local shown = find("text", "INSERT\torders") .. "\n"
    assert.equal(shown, first)
    assert.equal(shown, second)
  end)

  it("does it in Lua on an empty database as well", function()
    support.psql("DROP DATABASE shop", server.conninfo)
    support.psql("CREATE DATABASE shop", server.conninfo)
    local output = docs.lua(newcomer, find("lua", "log:install()"), "")
    assert.equal(find("text", "INSERT\torders") .. "\n", output)
  end)

  it("consumes exactly once, and reads the table again after a TRUNCATE", function()
    local log = assert(forgelog.connect(shop))
    finally(function() log:close() end)
    local program = find("lua", "consumer.new"):gsub("copy:close%(%)",
      "print(copy:stats().resyncs, copy:step(1))\n%0")
    local function expect_copy(rows, printed)
      assert.matches(printed, docs.lua(newcomer, program, ""))
      local orders = assert(log:query("SELECT * FROM orders ORDER BY id"))
      assert.equal(rows, #orders)
      assert.same(orders, log:query("SELECT * FROM copy ORDER BY id"))
    end
    expect_copy(1, "^1\tnil\t") -- one resync, then nothing to do
    assert(log:query("UPDATE orders SET total = 99 WHERE id = 2"))
    expect_copy(1, "^0\tnil\t")
    assert(log:query("TRUNCATE orders"))
    expect_copy(0, "^0\tnil\t")
  end)
end)

describe("README's make", function()
  -- In a copy of the tree, with less of a load and one spec file; its own "make" must not inherit
  -- the variables of the one that runs this spec.
  local block = find("sh", "make demo")
  if version ~= "5.4" then return end

  it("shows it at work, and tests", function()
    local copy = support.path("tree")
    local copying = "mkdir '%s'; tar -C '%s' -c --exclude=./build --exclude=./.git . | tar -C "
      .. "'%s' -x"
    docs.sh(support.conninfo(), copying:format(copy, root, copy))
    local variables = "DEMO_SECONDS=3 DEMO_CLIENTS=2 DEMO_SCALE=1 TEST_VERSIONS=5.4"
      .. " SPECS=spec/api/units_spec.lua c_specs= CFLAGS=-O0"
    local script = "unset MFLAGS MAKELEVEL MAKEOVERRIDES; export MAKEFLAGS=%s\n%s"
    local output = docs.sh(support.conninfo(), script:format(process.quote(variables), block), copy)
    assert.matches("forgelog  delivered %d+   lost 0   twice 0", output)
    assert.matches("5%.4/api/units: %d+ passed, 0 failed.*\n%d+ passed, 0 failed\n$", output)
  end)
end)

describe("README's OpenResty", function()
  local block = find("nginx", "forgelog.cache")

  it("keeps a cache that commits empty", function()
    if not nginx.available() then return pending("there is no nginx, or no build for LuaJIT") end
    local db = support.database()
    local log = assert(forgelog.connect(db))
    assert(log:query("CREATE TABLE product (id int PRIMARY KEY, price int)"))
    assert(log:query("INSERT INTO product VALUES (1, 10)"))
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
      local function answered() return server:get(path) == answer end
      support.wait_until(answered, path .. " to say " .. answer, 10)
    end
    wait_for("/fresh", "true")
    assert.equal("10 0", server:get("/price"))
    assert.equal("10 1", server:get("/price"))
    assert(log:query("UPDATE product SET price = 11"))
    support.wait_until(function() return server:get("/price"):match("^11 ") end, "the new price", 2)
  end)
end)

describe("README's text", function()
  find("", "writers ──commit──>") -- a picture

  it("has no block unknown to this spec", function()
    assert.same({}, docs.unknown(blocks))
  end)

  it("is short", function()
    assert.is_true(select(2, docs.read("README.md"):gsub("\n", "")) < 150)
  end)
end)
