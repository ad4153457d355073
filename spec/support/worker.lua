--- A worker of nginx in which a spec runs Lua: caches of the table item, each in something else
-- that holds values, and what a piece of Lua needs to try them.
-- @module support.worker
local nginx = require "support.nginx"
local support = require "support"

local worker = {}

local HTTP = [[
  lua_shared_dict items 1m;
  lua_shared_dict others 1m;
  lua_check_client_abort on;
  init_worker_by_lua_block {
    local new, lrucache = require("forgelog.cache").new, require("resty.lrucache")
    local own = { values = {} }
    function own:get(key) return self.values[key] end
    function own:set(key, value) self.values[key] = value end
    function own:delete(key) self.values[key] = nil end
    function own:flush_all() self.values = {} end
    local function by_id(change) return change.row_id end
    local hold = { shared = ngx.shared.items, lrucache = lrucache.new(1000), own = own }
    caches = {}
    for name, cache in pairs(hold) do
      caches[name] = new({ conninfo = "$db", cache = cache, keys = by_id, load_wait = 0.3 })
      caches[name]:start()
    end
    for name, options in pairs({ $more }) do
      options.conninfo = options.conninfo or "$db"
      caches[name] = new(options)
      if not options.poll then caches[name]:start() end
    end
    -- Loads from the table; nil where there is no such row.
    function row(key)
      local log = assert(require("forgelog").connect("$db"))
      local found = assert(log:query("SELECT n FROM item WHERE id = $1", tostring(key)))[1]
      log:close()
      return found and found.n
    end
    -- What a call says against misuse.
    function refusal(...) return tostring(select(2, pcall(...))) end
    -- Calls a function by n coroutines at once; returns a list of what each returned, as text.
    function at_once(n, call, ...)
      local threads, said = {}, {}
      for i = 1, n do threads[i] = ngx.thread.spawn(call, ...) end
      for i, thread in ipairs(threads) do
        local results = { ngx.thread.wait(thread) }
        for at = 1, 3 do results[at] = tostring(results[at]) end
        said[i] = table.concat(results, " ")
      end
      return said
    end
    -- How often each text occurs in a list, as "n x text".
    function tally(list)
      local count, said = {}, {}
      for _, text in ipairs(list) do count[text] = (count[text] or 0) + 1 end
      for text, n in pairs(count) do said[#said + 1] = n .. " x " .. text end
      table.sort(said)
      return table.concat(said, ", ")
    end
    -- Waits until a condition holds.
    function soon(holds)
      for _ = 1, 5000 do
        if holds() then return true end
        ngx.sleep(0.002)
      end
      error("it never holds", 2)
    end
    -- What stats count while a function runs, as text.
    function counted(cache, call, ...)
      local before = cache:stats()
      call(...)
      local now, said = cache:stats(), {}
      for _, name in ipairs({ "hits", "misses", "loads" }) do
        said[#said + 1] = now[name] - before[name] .. " " .. name
      end
      return table.concat(said, ", ")
    end
  }
  server {
    listen unix:$socket;
    location /up { content_by_lua_block {
      for name, cache in pairs(caches) do
        if not cache:fresh() and cache:stats().handed_out then return ngx.exit(503) end
      end
    } }
    location /run { content_by_lua_block {
      local run = assert(loadfile("$dir/" .. ngx.var.arg_file))
      local ok, said = xpcall(run, debug.traceback)
      ngx.print(tostring(said))
    } }
    $locations
  }]]

--- Starts it, and waits until its caches are fresh.
-- @string db the database, with a watched table item
-- @tparam[opt] table opts `more` (Lua: further caches' options by name, not started where they have
-- `poll`), `locations`
function worker.start(db, opts)
  opts = opts or {}
  local vars = { db = db, more = opts.more or "", locations = opts.locations or "" }
  local self = nginx.start({ http = HTTP, vars = vars })
  self.files = 0
  return setmetatable(self, { __index = function(_, name) return worker[name] or nginx[name] end })
end

--- Writes a piece of Lua for the worker.
-- @string code a chunk that may return text
-- @treturn string the path by which a request runs it
function worker:path(code)
  self.files = self.files + 1
  local name = self.files .. ".lua"
  self:write(name, code)
  return "/run?file=" .. name
end

--- Runs a piece of Lua in the worker.
-- @string code a chunk
-- @treturn string what it returned, or how it failed
function worker:run(code) return self:get(self:path(code)) end

--- Runs it until it says what is wanted.
function worker:run_until(code, wanted)
  local path, said = self:path(code), nil
  support.wait_until(function()
    said = self:get(path)
    return said == wanted
  end, ("%s to say %s"):format(code, wanted), 5)
end

return worker
