-- The server's clock is set back and forward by an hour, while the log is followed and trimmed.
local situation = require "soak.situation"
local support = require "support"
local trimming = require "soak.trimming"

return {
  title = "the server's clock set back and forward",
  run = function(run)
    local _, library = support.run("ls /usr/lib/*/faketime/libfaketimeMT.so.1")
    library = library:match("%S+")
    if not library then return nil, "there is no libfaketime here" end
    local clock = support.path("clock")
    support.write(clock, "+0\n")
    local at = situation.begin(run, { stall = math.huge, environment =
      ("FORGELOG_PRELOAD='LD_PRELOAD=%s FAKETIME_TIMESTAMP_FILE=%s FAKETIME_NO_CACHE=1 "
      .. "FAKETIME_DONT_FAKE_MONOTONIC=1'"):format(library, clock) })
    at:witness("file", { gaps = "any", once = true })
    at:witness("transaction", { gaps = "any", once = true })
    at:witness("drain", { gaps = "any", once = true })
    local trimmer = trimming.begin(at, 5, 0.1)
    at:load()
    at:meanwhile(2 * at:times(5), function(round)
      if round % 2 == 1 then return support.write(clock, "-3600s\n") end
      -- What is written now is an hour old when the clock goes forward, and nobody has had it.
      for _, each in ipairs(at.witnesses) do each.process:kill("STOP") end
      at:more(200)
      local written = trimming.newest(at)
      support.write(clock, "+0\n")
      trimming.passed(at, written)
      for _, each in ipairs(at.witnesses) do each.process:kill("CONT") end
    end)
    support.write(clock, "+0\n")
    trimmer:kill()
    trimmer:wait()
    local rows = at:finish("the stall is not known: there is no clock to measure it by")
    for _, row in ipairs(rows) do row.stall = nil end
    return rows
  end,
}
