--- What to type next, by how far it is with a database: commands that can be pasted.
-- @module forgelog.cli.lib.steps
local units = require "forgelog.units"

-- The options that say where the log is, as they were given: those of the environment hold anyway.
local WHERE = { { "host", "-h" }, { "port", "-p" }, { "username", "-U" }, { "dbname", "-d" },
  { "schema", "-s" } }

local function command_of(options)
  local words = { "forgelog" }
  for _, pair in ipairs(WHERE) do
    local value = options[pair[1]]
    if value then words[#words + 1] = pair[2] .. " " .. units.word(value) end
  end
  return table.concat(words, " ")
end

local steps = {}

function steps.not_installed(add, at)
  add("install", at.may_create and "make the log in schema " .. at.schema
    or ("as a role that may create in schema %s; %s may not"):format(at.schema, at.role))
end

function steps.not_watched(add, at)
  if not at.installed then add("install", "make the parts of the log that are missing") end
  local words = {}
  for i, name in ipairs(at.candidates) do words[i] = units.word(name) end
  if words[1] then
    add("watch " .. table.concat(words, " "), "log the changes of these tables, or of others")
  else
    add("watch TABLE", "log the changes of a table, once there is one")
  end
  add("doctor --quiet", "what is wrong, and what to do about it")
end

-- Whether a consumer keeps its position here.
local function has_consumers(at)
  for _, one in ipairs(at.consumers or {}) do
    if one.position then return true end
  end
  return false
end

function steps.watched(add, at)
  if not at.doctor.checks or at.doctor.checks[1] then
    add("doctor --quiet", "what is wrong, and what to do about it")
  end
  if not at.trims and not at.standby then
    add("trim --older-than 7d --every 5m", "keep a week; or run it from cron, without --every")
  end
  if has_consumers(at) then
    add("status", "all about the log and its consumers")
  else
    add("drain --name first --exec cat", "what is new since the last run, to a command of yours")
  end
  add("follow --since now", "see changes as they are committed")
end

--- The steps.
-- @tparam table at how far it is: see `forgelog.cli.next`
-- @param options of the command
-- @return a list of pairs: a command, and what it is for
return function(at, options)
  local list, command = {}, command_of(options)
  local function add(words, why) list[#list + 1] = { command .. " " .. words, why } end
  if steps[at.state] then steps[at.state](add, at) end
  return list
end
