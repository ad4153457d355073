-- The guide, run block by block from its first to its last, as a reader would do it: shell, SQL and
-- Lua on one database. The output shown beneath a block is compared with what the block prints. A
-- block in an unknown language fails.
local docs = require "support.docs"
local forgelog = require "forgelog"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local unpack = table.unpack or unpack
local root, version = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA_VERSION")

-- What the smaller pieces use without saying so.
local prelude = [[
local forgelog = require "forgelog"
local log = assert(forgelog.connect())
local position = tonumber(arg[1])
local function handle(change) print("handled " .. change.seq) end
local function reload() print("reloaded") end
]]
local AT = { ["log:follow(position)"] = 6 } -- `position` of the pieces that have it; of all others:
local DEFAULT = 4

-- Blocks that end only when they are told to.
local ENDLESS = { "follow --since now", ":run()", "while true", "loop:loop()", "uv.run()" }

local UNBUFFERED = "io.stdout:setvbuf('line')\n" -- as on a terminal

local BELL = [[SELECT count(*) FROM pg_locks
 WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 1
  AND classid::int8 << 32 | objid::int8 = 77306496745662
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]]

local function of_any(text, parts)
  for _, part in ipairs(parts) do
    if text:find(part, 1, true) then return true end
  end
  return false
end

local db
local said = "" -- what the block run last has printed
local running -- the program that runs until it is told to end
local errors -- the text that the last such program wrote to standard error

local function stop()
  if not running then return end
  running:kill("INT")
  local _, output
  _, output, errors = running:wait()
  running = nil
  return output
end

local function sleeps()
  support.wait_until(function() return support.psql(BELL, db) == "1" end, "a follower to sleep", 20)
end

-- Starts a program that follows the log, and waits until it sleeps: then a change wakes it.
local function begin(words)
  stop()
  running = support.start(words)
  sleeps()
end

-- It is ended while it sleeps: an interrupt that arrives while it saves its position is an error
-- of the store, after which a consumer goes on.
local function finish(wanted)
  support.wait_until(function() return docs.plain(running:output()) == wanted end, wanted, 10)
  sleeps()
  said = stop()
end

local run = {}

function run.sh(text)
  if of_any(text, ENDLESS) then
    return begin("exec bash " .. process.quote(process.file(docs.script(db, text))))
  end
  local output = docs.sh(db, "exec 2>&1\n" .. text)
  if not running then said = output end
end

function run.sql(text)
  support.psql(text, db)
end

function run.lua(text)
  local position = DEFAULT
  for part, at in pairs(AT) do
    if text:find(part, 1, true) then position = at end
  end
  local has_log = text:find("log = assert", 1, true) or not text:find("log:", 1, true)
  local before = has_log and "" or prelude
  if of_any(text, ENDLESS) then
    return begin("exec " .. docs.program(db, UNBUFFERED .. before .. text, position))
  end
  if text:find("[\n ]position = ") then text = text .. "\nassert(position)" end
  said = docs.lua(db, text, before, position)
end

-- Compared with what the block before it has printed.
function run.text(text)
  local wanted = docs.plain(text)
  if running then return finish(wanted) end
  if errors and wanted:find("^forgelog: ") then said, errors = errors, nil end
  assert.equal(wanted, docs.plain(said))
end

-- Runs a block of nginx's configuration, after some SQL, and calls a function with the log and one
-- that waits for an answer to a path; `key` becomes the header apikey.
local function with_nginx(text, sql, watched, call)
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
  ["make install"] = function(text)
    if version ~= "5.4" then return end
    local home = support.path("home")
    local script = "mkdir '%s'; unset MAKEFLAGS MFLAGS MAKELEVEL; export HOME='%s'\n%s"
    docs.sh(db, script:format(home, home, text), root)
    assert.matches("^forgelog %d", docs.sh(db, "'" .. home .. "/.local/bin/forgelog' --version"))
    local page = home .. "/.local/share/man/man1/forgelog.1"
    assert.matches("forgelog", docs.sh(db, "man -l '" .. page .. "'"))
  end,
  ["completion bash"] = function(text)
    local output = docs.sh(db, text .. "\ncomplete -p forgelog")
    assert.matches("NAME", output)
    assert.matches("complete .*forgelog\n$", output)
  end,
  ["lua_shared_dict products"] = function(text)
    local sql = "CREATE TABLE product (id int PRIMARY KEY, price int);"
      .. " INSERT INTO product VALUES (1, 10)"
    with_nginx(text, sql, { "product" }, function(log, answers)
      answers("/fresh", "true\n")
      answers("/product/1", "10\n")
      assert(log:query("UPDATE product SET price = 11"))
      answers("/product/1", "11\n")
      answers("/product/2", "false\n")
      assert(log:query("INSERT INTO product VALUES (2, 12)"))
      answers("/product/2", "12\n")
    end)
  end,
  ["lua_shared_dict api_keys"] = function(text)
    local sql = "CREATE TABLE api_keys (id int PRIMARY KEY, key text UNIQUE, consumer text)"
    with_nginx(text, sql, { "api_keys", { keep = { "key" } } }, function(log, answers)
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

local function runner(block)
  for part, work in pairs(special) do
    if block.language ~= "text" and block.text:find(part, 1, true) then return work end
  end
  local known = run[block.language]
  return assert(known, ("guide.md:%d: no block of this kind is known here"):format(block.line))
end

describe("the guide", function()
  setup(function() db = support.database() end)
  teardown(function()
    stop()
    support.drop(db)
  end)

  for _, block in ipairs(docs.blocks("docs/guide.md")) do
    it(("line %d: %s"):format(block.line, block.text:match("[^\n]+")), function()
      runner(block)(block.text)
    end)
  end
end)
