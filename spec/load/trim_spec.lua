-- Two trimmers at once beside a load of writers: each change is deleted once.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local function trims(name, make)
  describe("trim on " .. name, function()
    local db, log
    before_each(function() db, log = make() end)
    after_each(function() log:close(); support.drop(db) end)

    it("deletes each row once with two trimmers and a load of writers", function()
      logs.aged(log, 100)
      local writers = logs.writers(db, { clients = 4, transactions = support.scale(150) })
      local script = [[
        local logs = require "support.logs"
        local log, total, busy, passes = logs.connect((...)), 0, 0, 0
        repeat
          local count, why = log:trim(os.time() + 10, { min_rows = 0, batch = 50 })
          total, passes = total + assert(count, why), passes + 1
          if why == "busy" then busy = busy + 1 end
        until not logs.under_way(log) and passes > 20
        print(("%d %d"):format(total, busy))
      ]]
      local one, two = support.lua(script, db), support.lua(script, db)
      local commits = writers:wait()
      local deleted, busy = 0, 0
      for _, trimmer in ipairs({ one, two }) do
        local ok, output, errors = trimmer:wait()
        assert.is_true(ok, errors)
        local count, times = output:match("(%d+) (%d+)")
        deleted, busy = deleted + tonumber(count), busy + tonumber(times)
      end
      local left, written = logs.rows(log), must(log, "SELECT count(*) AS n FROM item")[1].n
      support.note("%s: %d transactions, two trimmers deleted %d changes, %d times busy", name,
        commits, deleted, busy)
      assert.is_true(commits > 0 and deleted > 100)
      assert.equal(100 + written, deleted + left)
    end)
  end)
end

trims("our log", logs.installed)
trims("the framework's plain log", logs.framework)
