-- A crash takes back numbers of the sequence that were given to what was rolled back, and gives
-- them again: a follower has looked beyond them by then.
local logs = require "support.logs"
local situation = require "soak.situation"

return {
  title = "a crash that gives numbers again",
  share = 0.1,
  run = function(run)
    local at = situation.begin(run, { settings = { "wal_writer_delay=10000ms" } })
    at:witness("feed", { once = true })
    at:witness("drain", { once = true })
    for _ = 1, at:times(10) do
      at:ask("INSERT INTO item SELECT nextval('item_id'), 1")
      at:ask("CHECKPOINT")
      logs.pause(0.5) -- the witnesses have come to rest
      at:ask("BEGIN; INSERT INTO item SELECT -g, 1 FROM generate_series(1, 200) g; ROLLBACK")
      logs.pause(0.7) -- and look several times
      at.server:kill()
      at.server:start()
      for _ = 1, 300 do at:ask("INSERT INTO item SELECT nextval('item_id'), 1") end
    end
    return at:finish()
  end,
}
