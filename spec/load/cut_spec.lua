-- A feed whose session is ended at each of its statements in turn, before it is sent and after it
-- was answered: it goes on by itself, and delivers every change once.
local connection = require "forgelog.connection"
local core = require "forgelog.core"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- An object that passes calls on to another one, but for some that it has itself.
local function in_place_of(real, own)
  return setmetatable(own, { __index = function(_, name)
    return function(_, ...) return real[name](real, ...) end
  end })
end

-- Has a function called before each statement of the connections made from now on, and once it was
-- answered. Returns what ends that.
local function observe(call)
  local new_handle = connection.new_handle
  function connection.new_handle(...)
    local real, sent = new_handle(...), false
    local own = {}
    local function before()
      call("before")
      sent = true
    end
    for _, name in ipairs({ "begin", "query" }) do
      own[name] = function(_, ...)
        before()
        return real[name](real, ...)
      end
    end
    function own.reader(_, ...)
      local reader = real:reader(...)
      return in_place_of(reader, { fetch = function(_, ...)
        before()
        return reader:fetch(...)
      end })
    end
    function own.step()
      local step = real:step()
      if sent and step == "done" then
        sent = false
        call("after")
      end
      return step
    end
    return in_place_of(real, own)
  end
  return function() connection.new_handle = new_handle end
end

describe("a feed whose session ends at one of its statements", function()
  local db, other
  setup(function()
    db, other = logs.installed()
  end)
  teardown(function()
    other:close()
    support.drop(db)
  end)

  -- Follows two commits, and has the session ended at a statement. Returns how many statements
  -- there were, how many reconnects, and the seqs that came.
  local function follow(cut_at, phase)
    local count, counting, log = 0, false, nil
    local restore = observe(function(at)
      if not counting then return end
      if at == "before" then count = count + 1 end
      if count ~= cut_at or at ~= phase then return end
      cut_at = nil
      must(other, "SELECT pg_terminate_backend($1, 5000)", log.connection:fact("backend"))
    end)
    log = logs.connect(db)
    local feed, seqs = log:follow(assert(log:position()), { backoff = 0.005, poll = 0.05 }), {}
    local deadline = core.now() + logs.at_most(10)
    counting = true
    for _ = 1, 2 do
      for _ = 1, 2 do feed:batch(10, 0.02) end
      logs.fill(other, 1)
      local came = #seqs
      while #seqs == came do
        assert(core.now() < deadline, "nothing came")
        for _, change in ipairs(feed:batch(10, 0.1) or {}) do seqs[#seqs + 1] = change.seq end
      end
    end
    local reconnects = feed:stats().reconnects
    feed:close()
    log:close()
    restore()
    return count, reconnects, seqs
  end

  for _, phase in ipairs({ "before", "after" }) do
    it("goes on, " .. phase .. " each", function()
      local statements, reconnects = follow(0, phase), 0
      for at = 1, statements do
        local _, again, seqs = follow(at, phase)
        reconnects = reconnects + again
        assert.equal(2, #seqs, "at statement " .. at)
        assert.is_true(seqs[1] < seqs[2])
      end
      support.note("%d statements, %d reconnects", statements, reconnects)
      assert.is_true(statements > 6 and reconnects >= statements * 0.6)
    end)
  end
end)
