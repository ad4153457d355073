--- forgelog without a command: how far it is with this database, and what to type next. It only
-- reads.
-- @module forgelog.cli.next
local advise = require "forgelog.cli.lib.steps"
local errors = require "forgelog.cli.lib.errors"
local terminal = require "forgelog.cli.lib.terminal"
local uncompiled = require "forgelog.connection.uncompiled"
local units = require "forgelog.units"

local PATIENCE = 5 -- seconds for connecting, and for each statement, where --timeout does not say
local SETTLE = 0.2 -- seconds to wait for open writers: only the horizon depends on them
local CANDIDATES = 4 -- tables that are named where none is watched
local MANY = 1000 -- tables among which these are looked for
local LISTED = 5 -- names of a list that are printed

local USAGE = [[
Usage: forgelog COMMAND ...

   forgelog install        make the change log, once in a database
   forgelog watch TABLE    log the changes of a table
   forgelog drain          print the changes, or give them to a command
   forgelog follow         the same, as they are committed
   forgelog --help         all commands, and all options
]]

-- ---- what there is ----

local function candidates(conn)
  local list = {}
  for _, row in ipairs(errors.must(uncompiled(conn):run("tables.there", MANY))) do
    if not row.captured and #list < CANDIDATES then list[#list + 1] = row.name end
  end
  return list
end

-- How many findings are errors and warnings, and what they are about.
local function ask_doctor(log)
  local findings, err = log:diagnose()
  if not findings then return { failed = errors.text(err) } end
  local found = { error = 0, warning = 0, checks = {}, codes = {} }
  for _, one in ipairs(findings) do
    if found[one.severity] then
      found[one.severity] = found[one.severity] + 1
      found.codes[#found.codes + 1] = one.code
      if found.checks[#found.checks] ~= one.check then
        found.checks[#found.checks + 1] = one.check
      end
    end
  end
  return found
end

local function names_of(tables)
  local names = {}
  for i, one in ipairs(tables) do names[i] = one.name end
  return names
end

-- What is known of the log; the words of the library's own status stay.
local function look(log, at)
  local now = errors.must(log:status({ settle = SETTLE }))
  for _, key in ipairs({ "rows", "rows_exact", "oldest_age", "bytes", "consumers",
    "consumers_error", "installed", "standby" }) do
    at[key] = now[key]
  end
  at.trims = (now.trimmed_to or 0) > 0
  at.tables, at.doctor = names_of(now.tables), ask_doctor(log)
  at.state = at.tables[1] and "watched" or "not_watched"
  if not at.tables[1] then at.candidates = candidates(log.connection) end
end

-- How far it is with the database: what --json prints. Raises nothing but the end by a signal.
local function find_out(context)
  local at = { state = "unreachable" }
  local ok, err = pcall(function()
    local log = context:connect()
    at.state = "unreadable"
    at.schema = errors.must(log.connection:schema_name())
    local here = errors.must(log.connection:run_in(at.schema, "status.here"))[1]
    for _, key in ipairs({ "database", "role", "may_create", "schema_exists", "may_trim",
      "may_save", "standby" }) do
      at[key] = here[key]
    end
    at.server_version, at.logs = here.server_version:match("^%S+"), {}
    for schema in (here.logs or ""):gmatch("[^\1]+") do at.logs[#at.logs + 1] = schema end
    local there, why = log.connection:locate()
    if there then return look(log, at) end
    if why.code ~= "no_log" then error(why, 0) end
    at.state = "not_installed"
    at.creators = errors.must(log.connection:run_in(at.schema, "install.owners", nil))[1].creators
  end)
  if ok then return at end
  if errors.ends(err) then error(err, 0) end
  at.error, at.hint = errors.text(err), type(err) == "table" and errors.advice(err) or nil
  return at, err
end

-- ---- as text ----

-- The first names of a list, and how many there are beside them.
local function listed(names, between)
  local words = {}
  for i = 1, math.min(#names, LISTED) do words[i] = terminal.safe(names[i]) end
  local text, more = table.concat(words, between or ", "), #names - #words
  return more > 0 and ("%s and %s more"):format(text, units.count(more)) or text
end

local function of_consumer(one)
  if one.gap then return ("%s must resync (%s)"):format(one.name, one.gap) end
  local paused = one.paused and ", paused" or ""
  if one.lag_changes == 0 then return one.name .. " is up to date" .. paused end
  return ("%s is %s (%s) behind%s%s"):format(one.name, units.many(one.lag_changes, "change"),
    units.duration(one.lag_seconds), one.running and "" or ", not running", paused)
end

local function of_consumers(at)
  if not at.consumers then return "not to be seen: " .. at.consumers_error end
  local words = {}
  for _, one in ipairs(at.consumers) do
    if one.position then words[#words + 1] = of_consumer(one) end
  end
  return words[1] and listed(words, "; ") or "none keeps its position in this database"
end

local function of_log(at)
  local text = ("%s.forge_change_log, "):format(at.schema)
  if at.rows == 0 then return text .. "empty" end
  return text .. ("%s%s, the oldest %s old, %s on disk"):format(at.rows_exact and "" or "about ",
    units.many(at.rows, "change"), units.duration(at.oldest_age or 0), units.bytes(at.bytes))
end

local function of_doctor(found)
  if found.failed then return "could not look: " .. found.failed end
  if not found.checks[1] then return "nothing is wrong" end
  return ("%s, %s: %s"):format(units.many(found.error, "error"),
    units.many(found.warning, "warning"), listed(found.checks))
end

local function draw(context, at)
  local function line(name, text)
    context.out(context.color("bold", ("%-10s"):format(name)), terminal.safe(text), "\n")
  end
  line("database", ("%s, PostgreSQL %s%s, as role %s"):format(at.database, at.server_version,
    at.standby and " (hot standby)" or "", at.role))
  if at.state == "not_installed" then
    return line("log", at.logs[1] and ("none in schema %s, but in %s"):format(at.schema,
      listed(at.logs)) or "there is none yet")
  end
  line("log", of_log(at))
  line("tables", at.tables[1] and listed(at.tables) .. (#at.tables == 1 and " is" or " are")
    .. " watched" or "none is watched yet, so nothing is logged")
  if at.state == "watched" then line("consumers", of_consumers(at)) end
  if at.state == "watched" and not at.trims and at.rows ~= 0 then
    line("trim", "nothing was ever deleted: without a trim the log grows for ever")
  end
  line("doctor", of_doctor(at.doctor))
end

local function draw_steps(context, steps)
  local commands, width = {}, 0
  for i, step in ipairs(steps) do
    commands[i] = terminal.safe(step[1])
    width = math.max(width, #commands[i])
  end
  context.out("Next:\n")
  for i, step in ipairs(steps) do
    context.out("   ", terminal.pad(commands[i], width), "  ",
      context.color("dim", "# " .. terminal.safe(step[2])), "\n")
  end
end

--- Says so.
-- @param context of `forgelog.cli.lib.context`
-- @param options `timeout`, and those that say where to connect to
-- @return the exit status: 1 where nothing could be found out
return function(context, options)
  options.timeout = options.timeout or PATIENCE
  local at, err = find_out(context)
  local steps = advise(at, options)
  at.next = {}
  for i, step in ipairs(steps) do at.next[i] = step[1] end
  if context:tell(at) then return err and 1 or 0 end
  if err then
    context:report(err)
    if not steps[1] then context.out(USAGE) end
  else
    draw(context, at)
    context.out("\n")
  end
  if steps[1] then draw_steps(context, steps) end
  return err and 1 or 0
end
