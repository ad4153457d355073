-- The ring by which the workers of an nginx tell each other of changes, in a lua_shared_dict. It
-- runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local support = require "support"
local worker = require "support.worker"

local db, log, server

setup(function()
  db, log = logs.installed()
  server = worker.start(db)
end)
teardown(function()
  server:stop()
  log:close()
  support.drop(db)
end)

local MADE = [[
  local dict, name = ngx.shared.others, tostring(ngx.now())
  local ring = require("forgelog.cache.ring").new(dict, name, false)
  local forgot, handled = 0, 0
  local function forget() forgot = forgot + 1 end
  local reader = require("forgelog.cache.reading").new(ring, { bound = 1, purge = error,
    forget = forget, report = error, handle = function() handled = handled + 1 end })
  assert(ring:restart("test"))
  assert(reader:take(false))                        -- it begins
  -- Writes events.
  local function write(count, text)
    for _ = 1, count do assert(select("#", ring:append(text)) == 1) end
  end
  local function said()
    return ("%s, %s, forgot %d, handled %d"):format(tostring(reader:take(false)),
      tostring(reader:is_at_end()), forgot - 1, handled)
  end
]]

local function run(code) return server:run(MADE .. code) end

describe("a reader of the ring", function()
  it("takes each event once", function()
    assert.equal("true, true, forgot 0, handled 3; true, true, forgot 0, handled 3", run([[
      write(3, "")
      return said() .. "; " .. said()]]))
  end)

  it("falls behind at once where an event was dropped to make room", function()
    assert.equal("true, true, forgot 1, handled 0; true, true, forgot 1, handled 1", run([[
      write(100, ("x"):rep(8000))
      local first = said()
      write(1, "")
      return first .. "; " .. said()]]))
  end)

  it("waits for an event that is not there yet, and knows that it waits", function()
    assert.equal("true, false, forgot 0, handled 1; true, true, forgot 1, handled 2", run([[
      write(1, "")
      local gone = ring:head() + 1
      write(2, "")
      dict:delete("forgelog:ring:" .. name .. ":" .. gone % ring.size)
      local first = said()
      local head, id = ring:head()
      assert(ring:prove(id, 1, head))
      local second = said()
      write(1, "")
      return first .. "; " .. said()]]))
  end)

  it("that leads waits a moment for what another one is about to write", function()
    assert.equal("true, true, forgot 0, handled 1; true, true, forgot 1, handled 1", run([[
      local key, number = "forgelog:ring:" .. name .. ":", nil
      local function begin()
        number = dict:incr(key .. "head", 1)
        return ngx.thread.spawn(reader.take, reader, true)
      end
      local thread = begin()
      local event = ("%d %d "):format(number, select(2, ring:head()))
      assert(dict:set(key .. number % ring.size, event))
      assert(select(2, ngx.thread.wait(thread)))
      local first = said()
      assert(select(2, ngx.thread.wait(begin())))   -- it is never written
      return first .. "; " .. said()]]))
  end)
end)

describe("a ring", function()
  it("takes a quarter of its dictionary, however wide its events", function()
    for _, bytes in ipairs({ 1, 800, 1100, 2100, 5000, 16000 }) do
      local share = run(([[
        dict:flush_all()
        dict:flush_expired()
        local free = dict:free_space()
        assert(ring:restart("test"))
        write(2000, ("x"):rep(%d))
        return tostring((free - dict:free_space()) / dict:capacity())]]):format(bytes))
      support.note("events of %d bytes: %s of the dictionary", bytes, share)
      assert.is_true(tonumber(share) < 0.29, bytes .. ": " .. share) -- with the rest of its page
    end
  end)

  it("leaves nothing of what nobody writes any more", function()
    assert.equal("0 left", run([[
      write(3, "")
      local key = "forgelog:ring:" .. name .. ":" .. ring:head() % ring.size
      assert(dict:ttl(key) > 1)
      for at = 0, ring.size - 1 do dict:expire("forgelog:ring:" .. name .. ":" .. at, 0.001) end
      ngx.sleep(0.01)
      require("forgelog.cache.ring").new(dict, "another", false)
      local left = 0
      for at = 0, ring.size - 1 do
        if dict:get_stale("forgelog:ring:" .. name .. ":" .. at) then left = left + 1 end
      end
      return left .. " left"]]))
  end)
end)
