--- Runs a function to its end in each of the event loops, and in none.
-- @module support.loops
local contract = require "support.contract"

-- By the waiter's name. The function is given one that starts another function beside it.
local loops = {}

function loops.poll(work) work() end

function loops.cqueues(work)
  local loop = require("cqueues").new()
  loop:wrap(work, function(other) loop:wrap(other) end)
  assert(loop:loop())
end

function loops.luv(work)
  local uv = require "luv"
  local ok, err = true, nil
  coroutine.wrap(function()
    ok, err = contract.try(function()
      work(function(other) coroutine.wrap(other)() end)
      return true
    end)
  end)()
  uv.run()
  if not ok then error(err, 0) end
end

return loops
