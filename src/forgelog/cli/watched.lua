--- forgelog watched: the tables that are watched, and whether their triggers are as they should be.
-- @module forgelog.cli.watched
local errors = require "forgelog.cli.lib.errors"
local inspect = require "forgelog.tables.inspect"

local function describe(context, one)
  local state = one.wrong and context.color("red", one.wrong) or context.color("green", "ok")
  local ignores = #one.ignore > 0 and "  ignores " .. table.concat(one.ignore, ", ") or ""
  local keeps = #one.keep > 0 and "  keeps " .. table.concat(one.keep, ", ") or ""
  local quiet = one.notify and "" or "  notifies nobody"
  return ("%-24s  %-9s  %s%s%s%s\n"):format(one.name, one.level, state, ignores, keeps, quiet)
end

--- Lists them.
-- @param context of `forgelog.cli.lib.context`
return function(context)
  local conn = context:connect().connection
  local list = errors.must(inspect.list(conn))
  if #list == 0 then errors.must(conn:locate()) end -- there may be no log
  if context:tell(list) then return end
  for _, one in ipairs(list) do context.out(describe(context, one)) end
  if #list == 0 then context.note("no table is watched; forgelog watch TABLE begins it") end
end
