-- Pauses grow up to a bound, and those between tries differ from client to client.
local backoff = require "forgelog.connection.backoff"
local process = require "support.process"

describe("the delay before a try", function()
  it("doubles up to its bound, with jitter of half of it", function()
    for attempt = 1, 200 do
      local full = math.min(0.1 * 2 ^ (attempt - 1), 10)
      for _ = 1, 20 do
        local delay = backoff.delay(attempt, {})
        assert.is_true(delay >= full / 2 and delay <= full, attempt .. ": " .. delay)
      end
    end
  end)

  it("differs", function()
    local seen, different = {}, 0
    for _ = 1, 20 do
      local delay = backoff.delay(5, {})
      if not seen[delay] then different = different + 1 end
      seen[delay] = true
    end
    assert.is_true(different > 10)
  end)

  it("differs from process to process", function()
    local seen = {}
    for i = 1, 3 do
      local _, output = process.lua(
        'print(("%.9f"):format(require("forgelog.connection.backoff").delay(5, {})))'):wait()
      seen[i] = assert(tonumber(output))
    end
    assert.is_false(seen[1] == seen[2] and seen[2] == seen[3])
  end)

  it("is as long as the options say", function()
    assert.is_true(backoff.delay(1, { backoff = 4, backoff_max = 60 }) >= 2)
    assert.is_true(backoff.delay(50, { backoff = 4, backoff_max = 5 }) <= 5)
    assert.equal(0, backoff.delay(3, { backoff = 0 }))
  end)
end)

describe("pauses that double", function()
  it("reach their bound and stay there", function()
    local pause, list = backoff.doubling(1, 5), {}
    for i = 1, 5 do list[i] = pause() end
    assert.same({ 1, 2, 4, 5, 5 }, list)
  end)

  it("can be looked at", function()
    local pause = backoff.doubling(1, 5)
    assert.equal(1, pause(true))
    assert.equal(1, pause())
    assert.equal(2, pause(true))
    assert.equal(2, pause())
  end)
end)
