--- What the scenarios of a pooler do, in either of its modes.
-- @module soak.pooled
local pooler = require "support.pooler"
local situation = require "soak.situation"

return function(run, mode)
  local at = situation.begin(run)
  local before = pooler.start(at.db, mode, 20)
  at.through = before.conninfo
  local how = mode == "transaction" and { listen = false } or nil
  at:witness("file", { with = how, once = true })
  at:witness("transaction", { with = how, once = true })
  at:witness("feed", { with = how, once = true })
  at:load()
  at:meanwhile(at:times(10), function(round)
    before:restart(round % 2 == 0 and "TERM" or "KILL")
  end)
  local rows = at:finish()
  before:stop()
  return rows
end
