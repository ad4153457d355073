--- The ways of capturing a table's changes that benches compare, in one database: none, the
-- framework's row trigger, the first edition's capture, and what `log:watch` makes. Each is put on
-- and taken off a table, so that they can take turns.
-- @module bench.captures
local bench = require "bench.support"

local captures = {}
captures.__index = captures

-- In the order in which they are measured and shown.
local SIDES = { "bare", "row", "first", "this" }
local LABELS = {
  bare = "no trigger", row = "row trigger with NOTIFY", first = "first edition",
  this = "this edition",
}

--- Lays all of them into a database. forgelog's own comes last, and finds hstore where it uses it.
-- @param conninfo the database
-- @return an object with `log` (connected by forgelog), and `conninfo` for writers: the framework's
-- functions find their log by the search path; those of the others do not look at it
function captures.new(conninfo)
  bench.framework(conninfo, "framework")
  bench.psql("\\i " .. os.getenv("FORGELOG_ROOT") .. "/bench/first_edition.sql", conninfo)
  return setmetatable({
    log = bench.connect(conninfo),
    conninfo = conninfo .. " options='-c search_path=framework,public'",
  }, captures)
end

local ON = { row = "SELECT framework.forge_enable_reactivity('%s')",
  first = "SELECT first_edition.watch('%s')" }
local OFF = { row = "SELECT framework.forge_disable_reactivity('%s')",
  first = "SELECT first_edition.unwatch('%s')" }

local function switch(self, side, name, texts, own)
  if side == "this" then
    assert(own(self.log, name))
  elseif texts[side] then
    bench.psql(texts[side]:format(name), self.conninfo)
  end
end

--- Captures a table.
-- @param side one of `sides`
-- @param name the table's, in schema public
function captures:on(side, name) switch(self, side, name, ON, self.log.watch) end

--- Takes the capture off a table.
function captures:off(side, name) switch(self, side, name, OFF, self.log.unwatch) end

local LOGS = { row = "framework.forge_change_log", first = "first_edition.forge_change_log",
  this = "public.forge_change_log" }

--- Runs what is measured under a capture of a table. Raises where it left no change in that log.
-- @param side one of `sides`
-- @param name the table's
-- @param measure called without arguments
-- @return what measure returned
function captures:under(side, name, measure)
  if LOGS[side] then bench.psql("TRUNCATE " .. LOGS[side], self.conninfo) end
  self:on(side, name)
  local result = measure()
  self:off(side, name)
  if LOGS[side] then
    local count = bench.psql("SELECT count(*) FROM " .. LOGS[side], self.conninfo)
    assert(tonumber(count) > 0, LABELS[side] .. ": nothing was captured")
  end
  return result
end

--- Measures something under each capture in turn.
-- @param rounds how often
-- @param measure called with the side; returns a number, having called `under`
-- @param[opt] sides some of them; default: all four
-- @return the medians by side
function captures.compare(rounds, measure, sides)
  local list = {}
  for i, side in ipairs(sides or SIDES) do
    list[i] = { side, function() return measure(side) end }
  end
  local medians = {}
  for side, figures in pairs(bench.alternate(rounds, list)) do
    medians[side] = bench.median(figures)
  end
  return medians
end

--- Prints a line for each side.
-- @param medians by side
-- @param show turns a figure into text
-- @param[opt] more turns a side into text that is added to its line
function captures.show(medians, show, more)
  for _, side in ipairs(SIDES) do
    local figure = medians[side]
    if figure then
      bench.line(LABELS[side], "%12s   %6.2f x no trigger%s", show(figure), figure / medians.bare,
        more and more(side) or "")
    end
  end
end

return captures
