-- The guide, run block by block from its first to its last.
local docs = require "support.docs"
local forgelog = require "forgelog"
local nginx = require "support.nginx"
local reader = require "support.reader"
local support = require "support"

local unpack = table.unpack or unpack
local root, version = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA_VERSION")

-- Runs a block of nginx's configuration, after some SQL, and calls a function with the log and one
-- that waits for an answer to a path; `key` becomes the header apikey.
local function with_nginx(text, db, sql, watched, call)
  if not nginx.available() then return pending("there is no nginx, or no build for LuaJIT") end
  local log = assert(forgelog.connect(db))
  assert(log:query(sql))
  assert(log:watch(unpack(watched)))
  local http = text:gsub("host=/run/postgresql dbname=shop", db)
  http = http:gsub("listen 8090;", "listen unix:$socket; location /up { return 200; }")
  local server = nginx.start({ http = http .. "\n" })
  local function answers(path, wanted, key)
    local command = ("curl -s -o - -w '%%{http_code}' -H 'apikey: %s' --unix-socket %s/socket "
      .. "http://nginx%s"):format(key or "", server.dir, path)
    support.wait_until(function() return select(2, support.run(command)):find(wanted, 1, true) end,
      path .. " to say " .. wanted, 10)
  end
  local ok, err = pcall(call, log, answers)
  server:stop()
  log:close()
  if not ok then error(err, 0) end
end

-- Blocks that need more than that, by a text in them.
local special = {
  ["make install"] = function(text, db)
    if version ~= "5.4" then return end
    local home = support.path("home")
    local script = "mkdir '%s'; unset MAKEFLAGS MFLAGS MAKELEVEL; export HOME='%s'\n%s"
    docs.sh(db, script:format(home, home, text), root)
    assert.matches("^forgelog %d", docs.sh(db, "'" .. home .. "/.local/bin/forgelog' --version"))
    local page = home .. "/.local/share/man/man1/forgelog.1"
    assert.matches("forgelog", docs.sh(db, "man -l '" .. page .. "'"))
    assert.truthy(support.read(home .. "/.local/share/forgelog/types/forgelog.lua"))
  end,
  ["completion bash"] = function(text, db)
    local output = docs.sh(db, text .. "\ncomplete -p forgelog")
    assert.matches("NAME", output)
    assert.matches("complete .*forgelog\n$", output)
  end,
  ["workspace.library"] = function(text)
    assert.same({ ["workspace.library"] = { "/usr/local/share/forgelog/types" } },
      require("dkjson").decode(text))
  end,
  ["lua_shared_dict products"] = function(text, db)
    local sql = "CREATE TABLE product (id int PRIMARY KEY, price int);"
      .. " INSERT INTO product VALUES (1, 10)"
    with_nginx(text, db, sql, { "product" }, function(log, answers)
      answers("/fresh", "true\n")
      answers("/product/1", "10\n")
      assert(log:query("UPDATE product SET price = 11"))
      answers("/product/1", "11\n")
      answers("/product/2", "false\n")
      assert(log:query("INSERT INTO product VALUES (2, 12)"))
      answers("/product/2", "12\n")
    end)
  end,
  ["lua_shared_dict api_keys"] = function(text, db)
    local sql = "CREATE TABLE api_keys (id int PRIMARY KEY, key text UNIQUE, consumer text)"
    with_nginx(text, db, sql, { "api_keys", { keep = { "key" } } }, function(log, answers)
      answers("/fresh", "true\n")
      answers("/", "401", "k1")
      answers("/", "401", "k1")
      assert(log:query("INSERT INTO api_keys VALUES (1, 'k1', 'ann')"))
      answers("/", "hello, ann\n", "k1")
      assert(log:query("UPDATE api_keys SET key = 'k2'"))
      answers("/", "401", "k1")
      answers("/", "hello, ann\n", "k2")
      assert(log:query("DELETE FROM api_keys"))
      answers("/", "401", "k2")
    end)
  end,
}

reader.describe("the guide", "docs/guide.md", { 4, ["log:follow(position)"] = 6 }, special)
