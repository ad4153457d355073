-- More of what alloc.c runs while allocations fail: the rest of what Lua programs call, on an
-- installed log of its own. Returns a function that makes these scenarios; see alloc.lua.
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"
local metrics = require "forgelog.metrics"

-- What is loaded when it is first used is not what fails here.
local function load_all(folder)
  local pipe = assert(io.popen(("cd '%s/src' && find forgelog -name '*.lua' ! -path '*/cli*' "
    .. "! -path '*/cache*' ! -path '*/wait/*' ! -name ipc.lua ! -name shared.lua"):format(folder)))
  for path in pipe:lines() do
    require((path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")))
  end
  pipe:close()
end
load_all(os.getenv("FORGELOG_ROOT") or ".")

local SCHEMA, ITEMS = "alloc_two", 30
local OPTIONS = { schema = SCHEMA, timeout = 2 }
local PATH = os.tmpname()
os.remove(PATH)

local function connect(schema)
  return assert(forgelog.connect(nil, { schema = schema or SCHEMA, timeout = OPTIONS.timeout }))
end

-- The log of these scenarios, made by the first of them.
local function prepared()
  local log = assert(forgelog.connect(nil, { timeout = 10 }))
  if not assert(log:query("SELECT to_regclass('alloc_two.item') AS there"))[1].there then
    assert(log:query("SET client_min_messages = warning; DROP SCHEMA IF EXISTS alloc_two CASCADE;"
      .. "CREATE SCHEMA alloc_two"))
    local own = connect()
    assert(own:install())
    assert(own:query("CREATE TABLE alloc_two.item (id int PRIMARY KEY, n text)"))
    assert(own:watch("alloc_two.item", { keep = { "n" } }))
    assert(own:query(("INSERT INTO alloc_two.item SELECT g, 'n' || g FROM generate_series(1, %d) g")
      :format(ITEMS)))
    own:close()
  end
  log:close()
  return connect()
end

-- The complaint where a list or a set lacks one of the items.
local function lacking(seen)
  for id = 1, ITEMS do
    if not seen[tostring(id)] then return ("item %d of %d is missing"):format(id, ITEMS) end
  end
end

local calls = {}

function calls.look(log)
  local status, err = log:status()
  if not status then return nil, err end
  local lowest, highest, position, watched
  lowest, err = log:min_seq()
  if not lowest then return nil, err end
  highest, err = log:max_seq()
  if not highest then return nil, err end
  position, err = log:position { at = 0 }
  if not position then return nil, err end
  watched, err = log:watched()
  if not watched then return nil, err end
  return #watched == 1 and highest - lowest >= ITEMS - 1 and metrics(status) ~= ""
    or error("memory: it says something else") -- never with all the memory that is wanted
end

function calls.doctor(log) return log:diagnose() end

function calls.rows(log)
  local seen = {}
  for change in log:rows("alloc_two.item", { chunk = 7, keep = { "n" } }) do
    if change.new.n ~= "n" .. change.row_id then return nil, "a row is wrong" end
    seen[change.row_id] = true
  end
  local complaint = lacking(seen)
  return not complaint, complaint
end

function calls.feed(log, context)
  local feed = log:follow(0, { poll = 0.01, backoff = 0.001, tables = { "item" } })
  local seen = {}
  context.feed = feed
  repeat
    local changes, err = feed:batch(7, 2)
    if not changes then return nil, err end
    for _, change in ipairs(changes) do seen[change.row_id] = true end
  until not lacking(seen)
  return feed:position() ~= nil and feed:stats() ~= nil
end

-- Whatever fails, what was not handled comes to the next consumer of that position.
local function consumed(context, store)
  local one = consumer.new { schema = SCHEMA, timeout = 2, name = "alloc", position = store,
    start = "beginning", batch = 7, backoff = 0.001, backoff_max = 0.002, poll = 0.01,
    on_changes = function(changes)
      for _, change in ipairs(changes) do
        if change.row_id then context.seen[change.row_id] = true end
      end
    end, on_resync = function() end }
  context.consumer = one
  local failed = 0
  while true do
    local done, err = one:step(0.2)
    if not lacking(context.seen) then return true end
    if not done then failed = failed + 1 end
    if failed > 3 or err and not one:passes(err) then return nil, err end
  end
end

function calls.file(_, context) return consumed(context, consumer.file(PATH)) end
function calls.table(_, context) return consumed(context, consumer.table()) end

-- Each of a list of calls, as long as they end well.
local function all(list)
  for _, call in ipairs(list) do
    local done, err = call()
    if done == nil then return nil, err end
  end
  return true
end

function calls.outside(log)
  return all {
    function() return consumer.lanes(log, "other", 2) end,
    function() return consumer.pause(log, "other") end,
    function() return consumer.resume(log, "other") end,
    function() return consumer.rewind(log, "other", 0) end,
    function() return consumer.parked(log, "other") end,
    function() return consumer.lanes(log, "other", 1) end,
    function() return consumer.forget(log, "other") end,
  }
end

function calls.watch(log)
  return all {
    function() return log:watch("alloc_two.more", { keep = { "n" }, ignore = { "m" } }) end,
    function() return log:touch("alloc_two.more") end,
    function() return log:unwatch("alloc_two.more") end,
  }
end

function calls.install(_, context)
  local log, err = connect("alloc_three")
  context.other = log
  if not log then return nil, err end
  return log:install()
end

local before = {
  watch = function(log)
    assert(log:query("SET client_min_messages = warning; DROP TABLE IF EXISTS alloc_two.more;"
      .. "CREATE TABLE alloc_two.more (id int PRIMARY KEY, n int, m int)"))
  end,
  install = function(log)
    assert(log:query("SET client_min_messages = warning; DROP SCHEMA IF EXISTS alloc_three CASCADE;"
      .. "CREATE SCHEMA alloc_three"))
  end,
  outside = function(log)
    assert(log:query("DELETE FROM alloc_two.forge_change_log_consumers"))
    assert(log:query("INSERT INTO alloc_two.forge_change_log_consumers (name, position, "
      .. "updated_at) VALUES ('other', '1:5', now())"))
  end,
  file = function() os.remove(PATH) end,
  table = function(log) assert(consumer.forget(log, "alloc") ~= nil) end,
}

-- What has failed can be done afterwards.
local again = {
  watch = calls.watch,
  install = calls.install,
  file = calls.file,
  table = calls.table,
}

local function closed(context)
  for _, name in ipairs { "feed", "consumer", "other" } do
    if context[name] then context[name]:close() end
    context[name] = nil
  end
end

--- @func strange the complaint about an error, or nil
-- @func half the complaint about a log, or nil, and whether it is lost
-- @treturn table scenarios by their names
return function(strange, half)
  local scenarios = {}
  for name, run in pairs(calls) do
    local one = {}
    function one.prepare()
      local context = { log = prepared(), seen = {} }
      if before[name] then before[name](context.log) end
      return context
    end
    function one.run(context) return run(context.log, context) end
    function one.check(context, ended, result, err)
      local complaint
      if not ended then complaint = strange(result)
      elseif not result then complaint = strange(err) end
      closed(context)
      complaint = complaint or half(context.log)
      if not complaint and again[name] then
        context.log:close()
        context.log = prepared()
        local done, why = again[name](context.log, context)
        closed(context)
        complaint = not done and "afterwards: " .. tostring(why) or nil
      end
      context.log:close()
      return complaint, ended and result
    end
    scenarios[name] = one
  end
  return scenarios
end
