-- What forgelog.cache's `get` takes as a key, keeps, serves and counts, inside the real nginx. It
-- runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local support = require "support"
local worker = require "support.worker"

local MORE = [[
  kept = { cache = lrucache.new(100), tables = { "named" },
    keys = require("forgelog.cache").kept("name") },
  numbers = { cache = lrucache.new(100),
    keys = function(change) return { false, tonumber(change.row_id) } end },
  wrong = { cache = lrucache.new(100), tables = { "other" }, stale_after = 1.5, backoff_max = 0.2,
    keys = function(change) return change.seq + 0.5 end,
    on_error = function(err) said_wrong = tostring(err) end },
]]

local db, log, server

setup(function()
  db, log = logs.installed()
  logs.must(log, "CREATE TABLE named (id int PRIMARY KEY, name text);"
    .. " CREATE TABLE other (id int PRIMARY KEY)")
  assert(log:watch("named", { keep = { "name" } }))
  assert(log:watch("other"))
  server = worker.start(db, { more = MORE })
end)
teardown(function()
  server:stop()
  log:close()
  support.drop(db)
end)

local HOLDERS = { "shared", "lrucache", "own" }

-- A piece of Lua, with the name of a cache in it.
local function with(holder, code) return ("local cache = caches.%s\n"):format(holder) .. code end

for _, holder in ipairs(HOLDERS) do
  describe("a key in " .. holder, function()
    local function run(code) return server:run(with(holder, code)) end

    it("is emptied by a change, whether it is given as a number or as text", function()
      logs.must(log, "INSERT INTO item (id, n) VALUES (17, 1) ON CONFLICT (id) DO UPDATE SET n = 1")
      server:run_until(with(holder, [[
        return tally({ cache:get(17, row), cache:get("17", row), cache:get(17LL, row) }) .. " "
          .. counted(cache, function() cache:get(17, row) end)]]),
        "3 x 1 1 hits, 0 misses, 0 loads")
      logs.must(log, "UPDATE item SET n = 2 WHERE id = 17")
      server:run_until(with(holder, "return tally({ cache:get('17', row), cache:get(17, row) })"),
        "2 x 2")
      assert.equal("17 number", run([[
        cache:invalidate(17)
        return cache:get(17, function(key) return key .. " " .. type(key) end)]]))
      run("cache:invalidate(17)")
    end)

    it("is another one than its neighbour, as long as a number holds both", function()
      assert.equal("100000000000000 100000000000001 9007199254740991 9007199254740992 -1 0", run([[
        local said = {}
        for i, key in ipairs({ 1e14, 1e14 + 1, 2^53 - 1, 2^53, -1, -0 }) do
          said[i] = cache:get(key, function(key) return ("%d"):format(key) end)
        end
        return table.concat(said, " ")]]))
      assert.equal("9223372036854775807 18446744073709551615", run([[
        local function text(key) return (tostring(key):gsub("U?LL", "")) end
        return cache:get(9223372036854775807LL, text) .. " "
          .. cache:get(18446744073709551615ULL, text)]]))
    end)

    it("may be empty, and stands for no other key then", function()
      assert.equal("empty other", run([[
        cache:get("", function() return "empty" end)
        local empty = cache:get("", error)
        cache:get("other", function()
          cache:invalidate("")
          return "other"
        end)
        return empty .. " " .. cache:get("other", error)]]))
    end)

    it("is refused where it is not exact", function()
      for key, shown in pairs({
        ["1.5"] = "1.5 (number)", ["0/0"] = "nan (number)", ["1/0"] = "inf (number)",
        ["2^53 + 2"] = "9.007199254741e+15 (number)", ["true"] = "true (boolean)",
        ["nil"] = "nil (nil)",
      }) do
        local wanted = "a key must be text or a whole number up to 2^53, got " .. shown
        for call, name in pairs({
          ["cache.get, cache, %s, row"] = "get", ["cache.invalidate, cache, %s"] = "invalidate",
        }) do
          local said = run(("return refusal(%s)"):format(call:format(key)))
          assert.matches("forgelog: cache." .. name .. ": " .. wanted, said:gsub("%-nan", "nan"), 1,
            true)
        end
      end
      assert.matches("got table: 0x", run("return refusal(cache.get, cache, {}, row)"), 1, true)
    end)
  end)

  describe("what load returns, in " .. holder, function()
    local function run(code) return server:run(with(holder, code)) end

    it("is false for what does not exist, until that key is inserted", function()
      logs.must(log, "DELETE FROM item WHERE id = 20")
      local found = "local function found(key) return row(key) or false end\n"
      local code = with(holder, found .. "return tostring(cache:get(20, found))")
      server:run_until(code, "false")
      server:run_until(with(holder, found .. "return counted(cache, cache.get, cache, 20, found)"),
        "1 hits, 0 misses, 0 loads")
      -- The change of the DELETE may come only now, and until the cache is fresh nothing is kept:
      -- then the second call has to load, and raises.
      server:run_until(with(holder, found .. [[
        cache:get(20, found)
        local value, err = cache:get(20, error)
        return tostring(value) .. " " .. tostring(err)]]), "false nil")
      logs.must(log, "INSERT INTO item (id, n) VALUES (20, 7)")
      server:run_until(code, "7")
    end)

    it("is not kept where it is nil, an error, or raised", function()
      assert.equal("2 x nil why, 0 hits, 2 misses, 2 loads", run([[
        local said = {}
        local function get()
          local value, err = cache:get("none", function() return nil, "why" end)
          said[#said + 1] = tostring(value) .. " " .. err
        end
        local count = counted(cache, function() get() get() end)
        return tally(said) .. ", " .. count]]))
      assert.equal("raised, 0 hits, 1 misses, 1 loads", run([[
        local said
        local count = counted(cache, function()
          said = refusal(cache.get, cache, "raises", error, 0)
        end)
        return "raised, " .. count]]))
      assert.equal("nil 3", run([[
        return tostring(cache:get("raises", function() end)) .. " " .. cache:get("raises",
          function() return 3 end)]]))
    end)
  end)
end

describe("what keys returns", function()
  it("may be numbers, and false for none", function()
    logs.must(log, "INSERT INTO item (id, n) VALUES (30, 1)")
    local code = with("numbers", "return tostring(cache:get(30, row))")
    server:run_until(code, "1")
    logs.must(log, "UPDATE item SET n = 2 WHERE id = 30")
    server:run_until(code, "2")
  end)

  it("is reported where it is no key, and the cache is not fresh from then on", function()
    logs.must(log, "INSERT INTO other VALUES (1)")
    local is_told = "return tostring(said_wrong ~= nil and not caches.wrong:fresh())"
    server:run_until(is_told, "true")
    assert.matches("forgelog: what keys returned: a key must be text or a whole number",
      server:run("return said_wrong"), 1, true)
  end)

  it("makes known what was kept as unknown, also by a kept column", function()
    local code = with("kept", [[
      return tostring(cache:get("ann", function(key)
        local log = assert(require("forgelog").connect("]] .. db .. [["))
        local found = assert(log:query("SELECT id FROM named WHERE name = $1", key))[1]
        log:close()
        return found and found.id or false
      end))]])
    local hits = with("kept", "return counted(cache, cache.get, cache, 'ann', error)")
    local function is(said)
      server:run_until(code, said)
      server:run_until(code, said)
      assert.equal("1 hits, 0 misses, 0 loads", server:run(hits))
    end
    is("false")
    logs.must(log, "INSERT INTO named VALUES (1, 'ann')")
    is("1")
    logs.must(log, "DELETE FROM named")
    is("false")
    logs.must(log, "INSERT INTO named VALUES (2, 'bob')")
    is("false")
    logs.must(log, "UPDATE named SET name = 'ann'")
    is("2")
  end)
end)

describe("a lua_shared_dict", function()
  it("cannot hold tables, and get says so to all who asked", function()
    assert.equal("5 x true false true", server:run(with("shared", [[
      return tally(at_once(5, function()
        local ok, err = pcall(cache.get, cache, "table", function() ngx.sleep(0.02) return {} end)
        return ok, not not err:find("forgelog: cache.get: load returned a table, which a "
          .. "lua_shared_dict cannot hold", 1, true)
      end))]])))
    assert.equal("table", server:run(with("lrucache", [[
      return type(cache:get("table", function() return {} end))]])))
  end)

  it("hands out no tombstone as the value of a key that looks like one", function()
    assert.equal("2 x nobody", server:run(with("shared", [[
      cache:invalidate("x")
      cache:purge("test")
      local function nobody() return "nobody" end
      return tally({ cache:get("forgelog:stale:x", nobody), cache:get("forgelog:stale:", nobody) })
    ]])))
    assert.equal("a x false", server:run(with("shared", [[
      cache:get("forgelog:stale:y", function() return "a" end)
      local held = cache:get("forgelog:stale:y", error)
      cache:get("y", function() return "x" end)
      cache:invalidate("forgelog:stale:y")
      return held .. " " .. cache:get("y", error) .. " "
        .. tostring(cache:get("forgelog:stale:y", function() return false end))]])))
  end)

  it("counts what it has no room for, which get still returns", function()
    assert.equal("2000000 1", server:run(with("shared", [[
      local before = cache:stats().refused
      local value = cache:get("large", function() return ("x"):rep(2e6) end)
      return #value .. " " .. cache:stats().refused - before]])))
  end)
end)
