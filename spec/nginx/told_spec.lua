-- A cache of tables of which one is not watched, inside the real nginx: it says so, and is not
-- fresh until the table is watched. It runs with the suite on LuaJIT only, since that is the Lua of
-- nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
  lua_shared_dict values 1m;
  init_worker_by_lua_block {
    cache = require("forgelog.cache").new({ conninfo = "$db", tables = { "ITEM", "other" },
      cache = ngx.shared.values, keys = function(change) return change.row_id end,
      backoff_max = 0.1, on_error = function(err) told = err.code end })
    cache:start()
  }
  server {
    listen unix:$socket;
    location /up { content_by_lua_block {
      ngx.print(cache:fresh() and "fresh" or "not fresh", " ", told or "none")
    } }
    location /value { content_by_lua_block {
      ngx.print((cache:get("1", function() return ngx.var.arg_value end)))
    } }
  }]]

describe("a cache of a table that is not watched", function()
  it("says so and is not fresh, until it is", function()
    local db, log = logs.installed()
    logs.must(log, "CREATE TABLE other (id int)")
    local server = nginx.start({ main = "worker_processes 1;", http = HTTP, vars = { db = db } })
    finally(function()
      server:stop()
      log:close()
      support.drop(db)
    end)
    support.wait_until(function() return server:get("/up") == "not fresh not_watched" end,
      "the cache to say so")
    assert.equal("a", server:get("/value?value=a"))
    assert.equal("b", server:get("/value?value=b"))
    assert(log:watch("other"))
    support.wait_until(function() return server:get("/up") == "fresh not_watched" end,
      "the cache to be fresh")
    assert.equal("c", server:get("/value?value=c"))
    assert.equal("c", server:get("/value?value=d"))
    logs.must(log, "INSERT INTO item (id, n) VALUES (1, 1)")
    support.wait_until(function() return server:get("/value?value=e") == "e" end,
      "the change to empty the cache", 3)
  end)
end)
