--- What to type next, by how far it is with a database: commands that can be pasted.
-- @module forgelog.cli.lib.steps
local rows = require "forgelog.consumer.rows"
local sql = require "forgelog.connection.sql"
local units = require "forgelog.units"

-- The options that say where the log is, as they were given: those of the environment hold anyway.
local WHERE = { { "host", "-h" }, { "port", "-p" }, { "username", "-U" }, { "dbname", "-d" },
  { "schema", "-s" } }

local function command_of(program, options, schema)
  local words = { program }
  for _, pair in ipairs(WHERE) do
    local value = options[pair[1]]
    if pair[1] == "schema" then value = schema end
    if value then words[#words + 1] = pair[2] .. " " .. units.word(value) end
  end
  return table.concat(words, " ")
end

local ON_PRIMARY = "on the primary: this server is a standby"

local steps = {}

function steps.unreadable(add) add("doctor --quiet", "what is wrong, and what to do about it") end

function steps.not_installed(add, at, run_sql)
  for _, schema in ipairs(at.logs) do add("", "the log in schema " .. schema, schema) end
  local home = sql.identifier(at.schema)
  if at.standby then
    return add("install", ON_PRIMARY)
  elseif not at.schema_exists then
    run_sql("CREATE SCHEMA " .. home, "there is none of that name yet")
  elseif at.creators then
    run_sql(("REVOKE CREATE ON SCHEMA %s FROM %s"):format(home, at.creators),
      "else they could put objects in the place of forgelog's; or install into another schema")
  end
  local why = at.may_create and "make the log in schema " .. at.schema
    or ("as a role that may create in schema %s; %s may not"):format(at.schema, at.role)
  add("install", why)
end

-- Where the doctor has found more than what is known here anyway, which has that code.
local function add_doctor(add, at, known)
  local codes = at.doctor.codes
  if codes and (not codes[1] or codes[1] == known and not codes[2]) then return end
  add("doctor --quiet", "what is wrong, and what to do about it")
end

function steps.not_watched(add, at)
  if not at.installed then
    add("install", at.standby and ON_PRIMARY or "make the parts of the log that are missing")
  end
  local words = {}
  for i, name in ipairs(at.candidates) do words[i] = units.word(name) end
  if words[1] then
    add("watch " .. table.concat(words, " "),
      at.standby and ON_PRIMARY or "log the changes of these tables, or of others")
  else
    add("watch TABLE", at.standby and ON_PRIMARY or "log the changes of a table, once there is one")
  end
  add_doctor(add, at, "none_watched")
end

-- What concerns the consumers that keep their position here; whether there are any.
local function add_consumers(add, at)
  local any, said, rests = false, {}, nil
  local function say(words, why)
    if not said[words] then add(words, why) end -- once for all lanes
    said[words] = true
  end
  for _, one in ipairs(at.consumers or {}) do
    local word = units.word((rows.split(one.name)))
    if one.paused and not at.standby then say("resume " .. word, "it is paused") end
    if (one.parked or 0) > 0 then say("parked " .. word, "the changes that it could not handle") end
    local behind = one.position and (one.gap or one.lag_changes > 0)
    if behind and not one.running and not one.paused then rests = rests or one.name end
    any = any or one.position ~= nil
  end
  if any then
    add("status", rests and ("how they stand: %s has work to do, and does not run; start it")
      :format(rests) or "all about the log and its consumers")
  end
  return any
end

function steps.watched(add, at)
  add_doctor(add, at)
  local empty = at.rows == 0 and not at.trims
  if at.may_trim and not (at.trims or empty) then
    add("trim --older-than 7d --every 5m", "keep a week; or run it from cron, without --every")
  end
  local any = add_consumers(add, at)
  if empty then
    return add("follow", ("see changes as they are committed: change a row of %s"):format(
      at.tables[1]))
  end
  if not any and not at.may_save then
    add("drain --position-file first.position", "what is new since the last run")
  elseif not any then
    add("drain --name first --exec cat", "what is new since the last run, to a command of yours")
  end
  add("follow --since now", "see changes as they are committed")
end

--- The steps.
-- @tparam table at how far it is: see `forgelog.cli.next`
-- @param options of the command
-- @return a list of pairs: a command, and what it is for
return function(at, options)
  local list = {}
  local function add(words, why, schema)
    local command = command_of("forgelog", options, schema or options.schema)
    list[#list + 1] = { words == "" and command or command .. " " .. words, why }
  end
  local function run_sql(text, why)
    list[#list + 1] = { command_of("psql", options) .. " -c " .. units.word(text), why }
  end
  if steps[at.state] then steps[at.state](add, at, run_sql) end
  return list
end
