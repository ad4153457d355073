--- What the scenarios do in which the log becomes another one, under the same name, while it is
-- read.
-- @module soak.remade
local logs = require "support.logs"
local situation = require "soak.situation"

--- @func make_anew called with the situation, at rest
-- @func[opt] before called after half of the load
return function(run, make_anew, before)
  local at = situation.begin(run)
  local told = { gaps = { "reset" } }
  local all = { at:witness("file", told), at:witness("feed", told) }
  at:load()
  at:more(run.commits / 2)
  if before then before(at) end
  at:more(run.commits / 10)
  at:rest()
  for _, each in ipairs(all) do each.process:kill("STOP") end
  make_anew(at)
  assert(at.log:install())
  for _, name in ipairs { "item", "paper" } do
    assert(at.log:watch(name, { notify = name == "item" }))
  end
  at:ask("INSERT INTO item SELECT nextval('item_id'), 1")
  for _, each in ipairs(all) do each.process:kill("CONT") end
  logs.pause(0.5)
  at:load()
  at:more(run.commits / 2)
  return at:finish()
end
