-- Changes that are handled at the same time: in order by key, each once, in bounded memory,
-- whatever the handlers do.
local beside = require "forgelog.wait.beside"
local find_waiter = require "forgelog.wait"
local handling = require "support.handling"
local loops = require "support.loops"
local logs = require "support.logs"
local make_workers = require "forgelog.consumer.workers"
local support = require "support"

if not beside.possible then
  describe("a plain Lua 5.1", function()
    it("has nothing that handles changes at the same time", function()
      for _, name in ipairs({ "cqueues", "luv" }) do
        assert.is_nil(find_waiter("spec", name).spawn)
      end
    end)
  end)
  return
end

local change_of, retry = handling.change, handling.retry

local function load_of(name, count, changes, key)
  local seen
  loops[name](function()
    seen = handling.run({ waiter = find_waiter("spec", name), count = count, room = 300,
      changes = changes, key = key })
  end)
  support.note("%s, %s", name, seen.text)
  return seen
end

for _, name in ipairs({ "cqueues", "luv" }) do
  local waiter = find_waiter("spec", name)

  -- Runs a function with a pool, whose handler and other settings are given, in the loop.
  local function with(settings, body)
    settings.waiter = waiter
    settings.count, settings.room = settings.count or 8, settings.room or 100
    settings.failed = settings.failed or retry
    loops[name](function()
      local workers = make_workers(settings)
      body(workers)
      assert(workers:stop(1))
    end)
  end

  describe("workers under " .. name, function()
    for _, count in ipairs({ 1, 8, 64 }) do
      it(("handle each change once, in order by key, with %d coroutines"):format(count), function()
        local changes = count == 1 and 300 or 3000
        local seen = load_of(name, count, changes)
        assert.same({ changes, 0, 0, 0, 0 },
          { seen.all, seen.lost, seen.twice, seen.disorder, seen.shared })
        assert.is_true(seen.failed > 0)
        assert.is_true(seen.most_inside <= 300)
        assert.is_true(seen.most_busy <= count and seen.most_busy >= math.min(count, 30))
      end)
    end

    it("would be seen to mix up the changes of a row without an order", function()
      local seen = load_of(name, 64, 1000, function() return nil end)
      assert.is_true(seen.disorder > 0)
    end)

    it("hold back only the key of a change that fails", function()
      local order, tries = {}, 0
      with({
        handle = function(change)
          tries = tries + (change.seq == 1 and 1 or 0)
          if change.seq == 1 and tries < 4 then error("it failed", 0) end
          order[#order + 1] = change.seq
        end,
        failed = function(change, raised, failures)
          assert.same({ 1, "it failed", tries }, { change.seq, raised, failures })
          return "retry", 0.05
        end,
      }, function(workers)
        workers:add({ change_of(1, 1), change_of(2, 1) })
        for seq = 3, 60 do workers:add({ change_of(seq, seq) }) end
        workers:wait(1, 57)
        assert.equal(58, #order)
        assert.equal(1, workers:stats().waiting)
        local open = workers:outstanding()
        table.sort(open)
        assert.same({ 1, 2 }, open)
        assert(workers:drain(2))
        assert.same({ 1, 2 }, { order[59], order[60] })
      end)
    end)

    for _, op in ipairs({ "TRUNCATE", "RELOAD", "READ" }) do
      it(("handle a %s alone, between what is before it and what is behind it"):format(op),
        function()
          local done, running, wrong = {}, 0, 0
          local barriers = { [20] = true, [21] = true, [60] = true }
          local tried = {}
          with({
            handle = function(change)
              local seq = change.seq
              running = running + 1
              for barrier in pairs(barriers) do
                if seq > barrier and not done[barrier] then wrong = wrong + 1 end
              end
              if barriers[seq] and (running > 1 or #done < seq - 1) then wrong = wrong + 1 end
              waiter.wait(nil, "", math.random() * 0.004)
              if barriers[seq] and running > 1 then wrong = wrong + 1 end
              running = running - 1
              if seq % 20 == 0 and not tried[seq] then
                tried[seq] = true
                error("it failed", 0)
              end
              done[seq] = true
            end,
          }, function(workers)
            local changes = {}
            for seq = 1, 80 do
              changes[seq] = barriers[seq] and change_of(seq, nil, op) or change_of(seq, seq % 7)
            end
            workers:add(changes)
            assert(workers:drain(5))
            assert.equal(80, #done)
            assert.equal(0, wrong)
          end)
        end)
    end

    it("handle what has no key in no order, and what has no row by its table", function()
      local began = {}
      with({
        handle = function(change)
          began[#began + 1] = change.seq
          waiter.wait(nil, "", 0.03)
        end,
      }, function(workers)
        workers:add({ change_of(1), change_of(2), change_of(3, 3) }) -- a table without a key
        waiter.wait(nil, "", 0.01)
        assert.same({ 1, 3 }, began)
      end)
    end)

    it("let a change be done that has failed", function()
      with({
        handle = function() error("it failed", 0) end,
        failed = function(_, _, failures)
          if failures == 3 then return "done" end
          return "retry", 0
        end,
      }, function(workers)
        workers:add({ change_of(1, 1), change_of(2, 1), change_of(3, 2) })
        assert(workers:drain(2))
        assert.equal(9, workers:stats().failures)
      end)
    end)

    it("tell what was raised beside the handler, and go on", function()
      local failures, raised = 0, { "raised" }
      with({
        handle = function(change)
          if change.seq == 1 and failures == 0 then error("it failed", 0) end
        end,
        failed = function()
          failures = failures + 1
          error(raised, 0)
        end,
      }, function(workers)
        workers:add({ change_of(1, 1), change_of(2, 2) })
        local ok, told = pcall(workers.drain, workers, 2)
        assert.is_false(ok)
        assert.equal(raised, told)
        assert(workers:drain(3))
      end)
    end)

    it("take none of the changes where the key of one cannot be told", function()
      with({
        handle = function() end,
        key = function(change) return change.seq == 2 and error("no key", 0) or "key" end,
      }, function(workers)
        assert.has_error(function() workers:add({ change_of(1), change_of(2) }) end, "no key")
        assert.same({}, workers:outstanding())
        workers:add({ change_of(3) })
        assert(workers:drain(1))
        assert.equal(1, workers:acknowledged())
      end)
    end)

    it("take no more changes than there is room for", function()
      with({ handle = function() waiter.wait(nil, "", 0.01) end, room = 2 }, function(workers)
        workers:add({ change_of(1, 1), change_of(2, 1) })
        assert.equal(0, workers:room())
        assert.has_error(function() workers:add({ change_of(3, 2) }) end)
        assert.is_false(workers:wait_for_room(1, 0))
        assert.is_true(workers:wait_for_room(1, 1))
        assert.is_true(workers:drain(1))
      end)
    end)

    it("let others run although no handler waits", function()
      local ticks, over = 0, false
      with({ handle = function() local t = logs.now() + 0.001 repeat until logs.now() > t end,
        room = 300 }, function(workers)
        local task = waiter.spawn(function()
          while not over do
            waiter.wait(nil, "", 0.001)
            ticks = ticks + 1
          end
        end)
        local changes = {}
        for seq = 1, 300 do changes[seq] = change_of(seq, seq) end
        workers:add(changes)
        assert(workers:drain(10))
        over = true
        waiter.wait(nil, "", 0.01)
        assert.is_false(task.failed)
        assert.is_true(ticks >= 5, ticks .. " ticks in 0.3 s")
      end)
    end)

    it("start no more coroutines than are needed", function()
      with({ handle = function() waiter.wait(nil, "", 0.001) end, count = 64 }, function(workers)
        for seq = 1, 20 do
          workers:add({ change_of(seq, seq) })
          assert(workers:drain(1))
        end
        assert.equal(1, workers:stats().workers)
        assert.same({ { number = 1 } }, workers:slots())
      end)
    end)

    it("begin nothing more once they are stopped", function()
      local begun, ended = 0, 0
      with({
        handle = function()
          begun = begun + 1
          waiter.wait(nil, "", 0.05)
          ended = ended + 1
        end,
        count = 4,
      }, function(workers)
        local changes = {}
        for seq = 1, 20 do changes[seq] = change_of(seq, seq) end
        workers:add(changes)
        waiter.wait(nil, "", 0.02)
        assert.is_false((workers:stop(0)))
        assert.is_true((workers:stop(1)))
        assert.same({ 4, 4, 16 }, { begun, ended, #workers:outstanding() })
      end)
    end)
  end)
end
