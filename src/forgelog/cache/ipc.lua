--- An adapter of the shape of lua-resty-mlcache's option `ipc`: events between workers travel
-- through the log itself, so they reach every worker of every nginx that follows it, and none is
-- lost. It needs INSERT on forge_change_log and USAGE on its sequence.
-- @module forgelog.cache.ipc
local core = require "forgelog.core"

local PREFIX = "ipc:" -- of table_name, before the channel

-- Writes a row to the log, by a connection that is kept for the next time.
local function write(cache, spare, channel, data)
  local log, err = table.remove(spare), nil
  if log and log.connection:lost() then log = nil end
  if not log then log, err = cache:connect() end
  if not log then return nil, tostring(err) end
  local ok
  ok, err = log.connection:locate()
  if ok then ok, err = log.connection:run("cache.broadcast", PREFIX .. channel, data) end
  if ok and #spare == 0 then
    spare[1] = log
  else
    log:close()
  end
  if ok then return true end
  return nil, tostring(err)
end

--- Makes the adapter for a cache, before that is started.
-- @function ipc
-- @tparam forgelog.cache.Cache cache what `forgelog.cache.new` returned
-- @treturn forgelog.cache.ipc.Ipc
return function(cache)
  local ipc, spare = {}, {}
  local mark = ("%x.%x"):format(math.floor(core.now() * 1e6), math.random(0, 2 ^ 24))

  -- It may have been made in init_by_lua, before the workers were.
  local function me() return ("%s.%d"):format(mark, ngx.worker.pid()) end

  function ipc.subscribe(channel, call)
    cache:listen(PREFIX .. channel, function(change)
      local sender, data = change.row_id:match("^(%S+) (.*)$")
      if sender ~= me() then call(data) end
    end)
  end

  function ipc.register_listeners(events)
    for _, event in pairs(events) do ipc.subscribe(event.channel, event.handler) end
    return true
  end

  function ipc.broadcast(channel, data)
    if cache:handling() then return true end
    return write(cache, spare, channel, me() .. " " .. data)
  end

  function ipc.poll(timeout)
    local deadline = core.now() + (timeout or 0.3)
    while not cache:fresh() do
      if core.now() >= deadline then return nil, "timeout" end
      ngx.sleep(0.005)
    end
    return true
  end

  return ipc
end
