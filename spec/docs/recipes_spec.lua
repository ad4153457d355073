-- "Recipes", run block by block from its first to its last; and that each says of itself what is
-- true. What is delivered to others, and survives kill -9, is in deliveries_spec, webhook_spec,
-- search_index_spec and copy_database_spec.
local consumer = require "forgelog.consumer"
local docs = require "support.docs"
local logs = require "support.logs"
local nginx = require "support.nginx"
local reader = require "support.reader"
local recipes = require "support.recipes"
local support = require "support"

local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")
local must = logs.must

-- Blocks that other specs start, and kill.
local function elsewhere() end

local auditing

reader.describe("the recipes", "docs/recipes.md", nil, {
  ["createdb recipes"] = function(text, db)
    local ask = "\npsql -Atc 'SELECT current_database()'; dropdb recipes"
    assert.equal("recipes\n", docs.sh(db, text .. ask))
  end,
  ["lua_shared_dict users"] = elsewhere,
  ["curl -X PUT"] = elsewhere,
  ["search_index.lua http"] = elsewhere,
  ["forgelog backfill articles-index"] = elsewhere,
  ["examples/webhook.lua"] = elsewhere,
  ["examples/outbox.lua"] = elsewhere,
  ["createdb reports"] = elsewhere,
  ["examples/copy_database.lua"] = elsewhere,
  ["basic_auth/run"] = elsewhere,
  ["MAILTO"] = elsewhere,
  ['name = "audit"'] = function(text, db)
    auditing = support.start("exec " .. docs.program(db, text))
  end,
  ["FROM audit"] = function(text, db)
    local wanted = recipes.find("text", "UPDATE|1|grace")
    local output
    local ok, err = pcall(support.wait_until, function()
      output = docs.sh(db, text)
      return #output >= #wanted or auditing:errors() ~= ""
    end, "the audit")
    local said = auditing:errors()
    recipes.kill(auditing) -- or the suite would wait for it
    return ok and output .. said or error(err, 0)
  end,
})

describe("the recipe of", function()
  local recipe, log, server
  before_each(function()
    recipe = recipes.new()
    log = recipe.log
  end)
  after_each(function()
    if server then server:stop() end
    server = nil
    recipe:close()
  end)

  local function answers(path, wanted)
    local answer
    local ok = pcall(support.wait_until, function()
      answer = server:get(path)
      return answer == wanted
    end, path, 5)
    if not ok then assert.equal(wanted, answer) end
  end

  -- What a cache of users is asked by: one location for both kinds of keys.
  local ASKING = [[

    server {
      listen unix:$socket;
      location /up { return 200; }
      location /fresh { content_by_lua_block { ngx.print(tostring(users:fresh())) } }
      location /count { content_by_lua_block { ngx.print(users:stats()[ngx.var.arg_what]) } }
      location / {
        content_by_lua_block {
          local kind, value = ngx.var.arg_by, ngx.var.arg_of
          ngx.print(tostring(users:get(kind .. ":" .. value, function()
            local log = assert(require("forgelog").connect("$db"))
            local sql = "SELECT string_agg(id::text, ' ' ORDER BY id) AS ids FROM users WHERE "
            local ids = log:query(sql .. kind .. " = $1", value)[1].ids
            log:close()
            return ids or false
          end)))
        }
      }
    }]]

  it("a cache by another column forgets all keys of a row, also of one that is gone", function()
    if not nginx.available() then return pending("there is no nginx, or no build for LuaJIT") end
    recipe:sh("watch users")
    local block = recipes.with(recipes.find("nginx", "positions_of_users"),
      { ["host=/run/postgresql dbname=recipes"] = recipe.db })
    server = nginx.start({ http = block .. ASKING, vars = { db = recipe.db } })
    answers("/fresh", "true")
    local function knows(email, id) answers("/?by=email&of=" .. email, id) end
    local function lists(team, ids) answers("/?by=team&of=" .. team, ids) end
    knows("ada", "false")
    lists("a", "false")
    must(log, "INSERT INTO users VALUES (1, 'ada', 'a'), (2, 'bob', 'a')")
    knows("ada", "1")
    lists("a", "1 2")
    local function count(what) return tonumber(server:get("/count?what=" .. what)) end
    local hits = count("hits")
    knows("ada", "1")
    assert.is_true(count("hits") > hits)
    lists("b", "false")
    must(log, "UPDATE users SET team = 'b' WHERE id = 1")
    lists("a", "2")
    lists("b", "1")
    knows("eve", "false")
    must(log, "UPDATE users SET email = 'eve' WHERE id = 1")
    knows("ada", "false")
    knows("eve", "1")
    must(log, "DELETE FROM users WHERE id = 1")
    knows("eve", "false")
    lists("b", "false")
    knows("bob", "2")
    for _, sql in ipairs { "UPDATE users SET team = repeat('a', 70000)",
      "INSERT INTO forge_change_log (table_name, op, row_id) VALUES ('users', 'UPDATE', '2')" } do
      local purges = count("purges")
      must(log, sql)
      recipe:wait("all to be forgotten", function() return count("purges") > purges end, 5)
    end
    lists("a", "false")
    must(log, "TRUNCATE users")
    knows("bob", "false")
  end)

  it("a plugin refuses at once what was changed, in every worker", function()
    if not nginx.available() then return pending("there is no nginx, or no build for LuaJIT") end
    local port = nginx.free_port()
    local running = recipe:start("basic_auth/run", { ["8090"] = port .. " 60" })
    local one = "curl -s -o /dev/null -w '%%{http_code} %%header{x-worker}\\n' -u '%s' "
      .. "http://127.0.0.1:%d/"
    -- Whether two workers answer, and only so.
    local function all_say(user, wanted)
      local command = "for i in $(seq 12); do " .. one .. " & done; wait"
      local _, output = support.run(command:format(user, port))
      local workers, count = {}, 0
      for status, worker in output:gmatch("(%d+) (%d+)\n") do
        if status ~= wanted then return false end
        if not workers[worker] then workers[worker], count = true, count + 1 end
      end
      return count == 2
    end
    local function soon(user, wanted, seconds)
      recipe:wait(wanted .. " for " .. user, function() return all_say(user, wanted) end,
        seconds or 5)
    end
    soon("ann:open sesame", "200")
    soon("ann:sesame", "401")
    soon("eve:open sesame", "401")
    soon(":", "401")
    must(log, "UPDATE credentials SET secret_hash = encode(sha256('new'), 'hex')")
    soon("ann:open sesame", "401")
    soon("ann:new", "200")
    must(log, "UPDATE credentials SET username = 'eve'")
    soon("ann:new", "401")
    soon("eve:new", "200")
    must(log, "DELETE FROM credentials")
    soon("eve:new", "401")
    must(log, "INSERT INTO credentials VALUES (9, 'ann', encode(sha256('x'), 'hex'), 'Ann')")
    soon("ann:x", "200")
    local _, hello = support.run(("curl -s -u ann:x http://127.0.0.1:%d/"):format(port))
    assert.equal("hello, Ann\n", hello)
    must(log, "TRUNCATE credentials")
    soon("ann:x", "401")
    must(log, "INSERT INTO credentials VALUES (9, 'ann', encode(sha256('x'), 'hex'), 'Ann')")
    soon("ann:x", "200")
    local name = recipe.db:match("dbname=(%S+)")
    local function allow(yes)
      support.psql(("ALTER DATABASE %s ALLOW_CONNECTIONS %s; SELECT pg_terminate_backend(pid) FROM "
        .. "pg_stat_activity WHERE datname = '%s'"):format(name, yes, name))
    end
    allow("false")
    soon("ann:x", "503", 10)
    allow("true")
    soon("ann:x", "200", 20)
    running:kill("QUIT")
    running:wait()
  end)

  it("a sync from cron prints what changed, and tells cron what else there is", function()
    local folder = support.path("shop")
    support.run(("mkdir %s && cp %s/examples/sync.lua %s"):format(folder, root, folder))
    local lines = {}
    local schedule = "\n%S+ [%d*]+ [%d*]+ [%d*]+ [%d*]+ +"
    for command in ("\n" .. recipes.find("", "MAILTO")):gmatch(schedule .. "([^\n]+)") do
      lines[#lines + 1] = command
    end
    local path = ("export LUA_PATH='%s' LUA_CPATH='%s'; "):format(os.getenv("LUA_PATH"),
      os.getenv("LUA_CPATH"))
    -- What a line prints besides, which cron mails.
    local function sync()
      local command = recipes.with(lines[1], { ["/var/lib/shop"] = folder, ["lua5.4"] = lua,
        ["service=shop"] = "'" .. recipe.db .. "'" })
      local _, output, errors = support.run(path .. command)
      return output .. errors
    end
    local function check()
      return docs.sh(recipe.db, recipes.with(lines[2], { ["service=shop"] = "'" .. recipe.db
        .. "'" }) .. " || true")
    end
    local function copied() return support.read(folder .. "/orders.tsv") end
    local function put(id, total)
      return ('PUT\t%d\t{"id": %d, "total": %d, "customer": null}\n'):format(id, id, total)
    end

    must(log, "INSERT INTO orders VALUES (1, NULL, 1)")
    assert.equal("", sync())
    assert.equal("TRUNCATE\n" .. put(1, 1), copied())
    must(log, "UPDATE orders SET total = 2; INSERT INTO orders VALUES (3, NULL, 3)")
    must(log, "UPDATE orders SET total = 4 WHERE id = 1; DELETE FROM orders WHERE id = 3")
    assert.equal("", sync())
    assert.equal("", sync())
    assert.equal("TRUNCATE\n" .. put(1, 1) .. put(1, 4) .. "DELETE\t3\n", copied())
    assert.equal("", check())

    must(log, "INSERT INTO orders VALUES (5, NULL, 5)")
    must(log, "UPDATE forge_change_log SET created_at = created_at - interval '1 hour'")
    assert.matches("orders_sync", check())
    local other = consumer.new { conninfo = recipe.db, name = "orders_sync", start = "now",
      on_changes = function() end }
    assert.equal(0, other:step(10))
    assert.matches("^sync: .*another consumer named orders_sync is running", sync())
    other:close()
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    assert.equal("sync: trimmed: all rows follow\n", sync())
    assert.equal("TRUNCATE\n" .. put(1, 4) .. put(5, 5), copied():match(".*(TRUNCATE.*)"))
    assert.equal("", check())
  end)
end)
