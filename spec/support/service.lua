--- A service in nginx for the specs: a cache of the table item, and a count of how often each
-- worker was handed each change.
-- @module support.service
local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

local service = {}

local HTTP = [[
  lua_shared_dict items 10m;
  lua_shared_dict positions 1m;
  lua_shared_dict seen 50m;
  init_worker_by_lua_block {
    local seen, me = ngx.shared.seen, ngx.worker.id()
    cache = require("forgelog.cache").new({
      conninfo = "$db", cache = ngx.shared.items, position = "positions", wait = $wait, $options
      keys = function(change)
        seen:incr(me .. ":" .. change.seq, 1, 0)
        if change.row_id then return "item:" .. change.row_id end
      end,
      on_purge = function(reason) seen:incr("purged:" .. me .. ":" .. reason, 1, 0) end,
      on_error = function(err) ngx.log(ngx.WARN, tostring(err)) end,
    })
    cache:start()
    ngx.timer.at(0, function()
      while not cache:fresh() and not ngx.worker.exiting() do ngx.sleep(0.01) end
      seen:set("fresh:" .. me, true)
    end)
    function load_item(key, pause)
      local log = assert(require("forgelog").connect("$db"))
      local row = log:query("SELECT n FROM item WHERE id = $1", key:match("%-?%d+"))[1]
      log:close()
      ngx.shared.seen:incr("read:" .. key, 1, 0)
      ngx.sleep(pause)
      return row and row.n
    end
  }
  server {
    listen unix:$socket;
    location /up { return 200; }
    location /purged { content_by_lua_block {
      ngx.print(ngx.shared.seen:get("purged:" .. ngx.var.arg_which) or 0)
    } }
    location /started { content_by_lua_block {
      ngx.print(tostring(ngx.shared.seen:get("fresh:" .. ngx.var.arg_which)))
    } }
    location /read { content_by_lua_block {
      ngx.print(ngx.shared.seen:get("read:item:" .. ngx.var.arg_id) or 0)
    } }
    location /fresh { content_by_lua_block { ngx.print(tostring(cache:fresh())) } }
    location /seen { content_by_lua_block {
      local seen = ngx.shared.seen
      for _, key in ipairs(seen:get_keys(0)) do ngx.say(key, "=", seen:get(key)) end
    } }
    location /item { content_by_lua_block {
      local before = cache:stats().hits
      local pause = tonumber(ngx.var.arg_pause or 0.001)
      local value = cache:get("item:" .. ngx.var.arg_id, load_item, pause)
      ngx.print(tostring(value), cache:stats().hits > before and " hit" or " miss")
    } }
    $more
  }]]

--- Starts it, and waits until its workers are fresh.
-- @string db the database, with a watched table item
-- @tparam[opt] table opts `workers` (2), `wait` (Lua text), `options` (of the cache, Lua text),
-- `more` (locations)
function service.start(db, opts)
  opts = opts or {}
  local workers = opts.workers or 2
  local self = nginx.start({
    main = ("worker_processes %d;"):format(workers),
    http = HTTP,
    vars = { db = db, wait = opts.wait or "nil", options = opts.options or "",
      more = opts.more or "" },
  })
  for worker = 0, workers - 1 do
    service.ask_until(self, "/started?which=" .. worker, "true")
  end
  for _ = 1, 5 do service.ask_until(self, "/fresh", "true") end
  return self
end

--- Waits for an answer; returns how long that took.
function service.ask_until(server, path, wanted, seconds)
  local started, answer = logs.now(), nil
  local came = pcall(support.wait_until, function()
    answer = server:get(path)
    return answer == wanted
  end, path, seconds or 10)
  if came then return logs.now() - started end
  error(("%s says %s; waited for %s"):format(path, tostring(answer), wanted), 2)
end

-- The number of changes after `first`, how many of them some worker was not handed (with `anyone`:
-- how many nobody was), and how many some worker was handed more than once.
local function tally(server, log, first, workers, anyone)
  local seen, lost, twice = {}, 0, 0
  for key, times in server:get("/seen"):gmatch("(%d+:%d+)=(%d+)") do
    seen[key] = tonumber(times)
  end
  local rows = logs.must(log, "SELECT seq FROM forge_change_log WHERE seq > $1", first)
  for _, row in ipairs(rows) do
    local had = 0
    for worker = 0, workers - 1 do
      local times = seen[worker .. ":" .. row.seq] or 0
      had = had + math.min(times, 1)
      if times > 1 then twice = twice + 1 end
    end
    lost = lost + (anyone and math.max(0, 1 - had) or workers - had)
  end
  return #rows, lost, twice
end

--- Waits until each worker (with `anyone`: some worker) was handed every change after `first`, or
-- raises.
-- @return the number of changes, and of those that some worker was handed more than once
function service.complete(server, log, first, workers, anyone)
  local changes, lost, twice
  local deadline = logs.now() + 15
  repeat
    changes, lost, twice = tally(server, log, first, workers, anyone)
    if lost == 0 then return changes, twice end
    logs.pause(0.05)
  until logs.now() > deadline
  error(("lost %d of %d, twice %d"):format(lost, changes, twice), 2)
end

return service
