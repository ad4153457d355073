-- The parts of a batch that fails, without a server: whatever fails, all others are handled, those
-- of one key in order, and nothing passes a change of a whole table.
local make_parts = require "forgelog.consumer.parts"
local support = require "support"

-- Changes from a text such as "a b a T": T is a TRUNCATE.
local function changes(text)
  local list = {}
  for key in text:gmatch("%S+") do
    list[#list + 1] = { seq = #list + 1, key = key, op = key == "T" and "TRUNCATE" or "UPDATE" }
  end
  return list
end

local function seqs(list)
  local found = {}
  for i, change in ipairs(list) do found[i] = change.seq end
  return found
end

-- Works all parts off. fails: of these seqs, how often each fails; one that fails `attempts` times
-- is parked, and all that it holds back. Returns the seqs in the order in which they were handled,
-- those that were parked, and how many parts were tried.
local function work(text, fails, attempts, park)
  local parts, now = make_parts(changes(text)), 0
  local handled, parked, tries = {}, {}, 0
  while parts[1] do
    local at, part = parts:next(now)
    if not at then
      assert(part > now, "it waits for nothing")
      now = part
    elseif part.parks then
      for _, list in ipairs({ part.changes, part.behind or {} }) do
        for _, change in ipairs(list) do parked[#parked + 1] = change.seq end
      end
      parts:parked(at)
    else
      tries = tries + 1
      local wrong
      for _, change in ipairs(part.changes) do
        if (fails[change.seq] or 0) > 0 then wrong = change end
      end
      if not wrong then
        for _, change in ipairs(part.changes) do handled[#handled + 1] = change.seq end
        parts:done(at)
      elseif part.changes[2] then
        parts:halve(at)
      else
        fails[wrong.seq] = fails[wrong.seq] - 1
        part.failures, part.due = (part.failures or 0) + 1, now + 1
        part.parks = part.failures >= attempts
        if park ~= "change" then
          parts:hold_back(at, function(change) return change.key == wrong.key end)
        end
      end
    end
  end
  return handled, parked, tries
end

describe("the parts of a batch", function()
  it("leave alone the change that fails, and come to all others first", function()
    local handled, parked, tries = work("a b c d e f g h", { [3] = 9 }, 2)
    assert.same({ { 1, 2, 4, 5, 6, 7, 8 }, { 3 } }, { handled, parked })
    assert.equal(8, tries) -- all, half, quarter, quarter, 3, 4, half; and 3 again
  end)

  it("keep what is of its key behind it, in order", function()
    assert.same({ { 2, 4, 1, 3, 5 }, {} }, { (work("a b a c a", { 1 }, 2)), {} })
    local handled, parked = work("a b a c a", { 9 }, 2)
    assert.same({ { 2, 4 }, { 1, 3, 5 } }, { handled, parked })
    handled, parked = work("a b a c a", { 9 }, 2, "change")
    assert.same({ { 2, 3, 4, 5 }, { 1 } }, { handled, parked })
    handled, parked = work("a a a b", { 1, [3] = 9 }, 2)
    assert.same({ { 4, 1, 2 }, { 3 } }, { handled, parked })
  end)

  it("let nothing pass a change of a whole table", function()
    local handled, parked = work("a b T c", { 1 }, 3)
    assert.same({ { 2, 1, 3, 4 }, {} }, { handled, parked })
    handled, parked = work("a b T c", { [3] = 1 }, 3)
    assert.same({ { 1, 2, 3, 4 }, {} }, { handled, parked })
    handled, parked = work("a b T c", { [2] = 9, [3] = 9 }, 2)
    assert.same({ { 1, 4 }, { 2, 3 } }, { handled, parked })
    handled, parked = work("a a T a b", { 1 }, 3)
    assert.same({ { 1, 2, 3, 4, 5 }, {} }, { handled, parked })
    handled, parked = work("a b T a b", { 9 }, 2)
    assert.same({ { 2, 3, 5 }, { 1, 4 } }, { handled, parked })
  end)

  it("tell which changes are left", function()
    local parts = make_parts(changes("a b c"))
    assert.same({ 1, 2, 3 }, seqs(parts:rest()))
    assert.same({}, seqs(parts:rest(1)))
    parts:halve(1)
    assert.same({ 2, 3 }, seqs(parts:rest(1)))
    parts:hold_back(1, function(change) return change.key == "c" end)
    assert.same({ 1, 3, 2 }, seqs(parts:rest()))
    assert.same({ 3, 2 }, seqs(parts:rest(1)))
    parts[1].parks = true
    assert.same({ 2 }, seqs(parts:rest(1)))
  end)

  it("come to an end whatever fails, with nothing lost, twice, or out of order", function()
    local sum = 0
    for _ = 1, support.scale(300) do
      local words, fails = {}, {}
      for i = 1, math.random(40) do
        local kind = math.random(12)
        words[i] = kind == 12 and "T" or string.char(96 + math.random(8))
        if math.random(6) == 1 then fails[i] = math.random(4) end
      end
      local text = table.concat(words, " ")
      local handled, parked = work(text, fails, 3)
      assert.equal(#words, #handled + #parked, text)
      local seen, last, highest = {}, {}, 0
      for _, seq in ipairs(parked) do seen[seq] = true end
      for _, seq in ipairs(handled) do
        assert.is_nil(seen[seq], text)
        assert.is_true(seq > (last[words[seq]] or 0), text)
        seen[seq], last[words[seq]] = true, seq
        if words[seq] == "T" then
          assert.is_true(seq > highest, text)
          for before = 1, seq do assert.is_true(seen[before] or false, text) end
        end
        highest = math.max(highest, seq)
      end
      sum = sum + #parked
    end
    assert.is_true(sum > 0)
  end)
end)
