--- What trims the log of a situation.
-- @module soak.trimming
local support = require "support"

local TRIMMER = [[
local logs = require "support.logs"
local conninfo, age, pause = ...
local log = logs.connect(conninfo)
while true do
  log:trim(logs.server_time(log) - tonumber(age), { min_rows = 0 })
  logs.pause(tonumber(pause))
end
]]

local trimming = {}

--- Trims again and again, until it is killed, all that is older than `age`.
-- @param at the situation
-- @number age seconds
-- @number pause seconds after each trim
-- @return the program that does
function trimming.begin(at, age, pause) return support.lua(TRIMMER, at.db, age, pause) end

--- The newest seq in the log; 0: it is empty.
function trimming.newest(at)
  return at:ask("SELECT max(seq) AS n FROM forge_change_log")[1].n or 0
end

--- Waits until all up to a seq is trimmed.
-- @param at the situation
-- @int upto
-- @number[opt] seconds to wait at most
function trimming.passed(at, upto, seconds)
  support.wait_until(function()
    return at:ask("SELECT trimmed_to AS n FROM forge_change_log_state")[1].n >= upto
  end, "the trim", seconds)
end

return trimming
