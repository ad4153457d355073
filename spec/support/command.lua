--- The installed command as specs run it: `make install` into a folder of this test run, once.
-- Here are also the databases it works on, and the runs of it in the background and in a
-- terminal, which `command.stop` ends.
-- @module support.command
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"
local terminal = require "support.terminal"

local command = {}

local quote = process.quote

--- Where it was installed: a prefix with bin/, share/ and lib/.
function command.prefix()
  local version, lua = os.getenv("FORGELOG_LUA_VERSION"), os.getenv("FORGELOG_LUA")
  local folder = os.getenv("FORGELOG_TMP") .. "/prefix-" .. version
  local there = io.open(folder .. "/done")
  if there then
    there:close()
    return folder
  end
  local ok, output, errors = support.run(
    ("cd %s && make -s install LUA_VERSION=%s LUA=%s COMMAND_LUA=%s PREFIX=%s && touch %s/done")
      :format(quote(os.getenv("FORGELOG_ROOT")), version, quote(lua), quote(lua), quote(folder),
        quote(folder)))
  assert(ok, output .. errors)
  return folder
end

--- A database with a log and with tables that are watched: see `logs.installed`.
-- @tparam[opt] table tables default: `orders` with a serial primary key and a number
-- @return its conninfo, a log connected to it
function command.database(tables)
  return logs.installed(nil, tables or { orders = "id bigserial PRIMARY KEY, n int" })
end

local VARIABLES = { host = "PGHOST", port = "PGPORT", user = "PGUSER", dbname = "PGDATABASE" }

--- The variables of the environment that stand for a database, as words for `env`.
function command.environment(db)
  local words = {}
  for keyword, value in db:gmatch("(%w+)=(%S+)") do
    local name = VARIABLES[keyword]
    words[#words + 1] = name and name .. "=" .. quote(value) or nil
  end
  return table.concat(words, " ")
end

--- Words for the shell that run it on a database, with nothing of this tree on Lua's path.
-- @string db conninfo as of support.database
-- @string[opt] arguments its arguments, quoted already
-- @string[opt] environment more variables, as words for `env`
function command.line(db, arguments, environment)
  return ("env -u LUA_PATH -u LUA_CPATH %s %s %s/bin/forgelog %s"):format(command.environment(db),
    environment or "", quote(command.prefix()), arguments or "")
end

--- Runs it to its end; the arguments are those of `command.line`.
-- @return exit status, what it wrote to standard output and to standard error
function command.run(...)
  local _, output, errors, status = support.run("exec " .. command.line(...))
  return status, output, errors
end

--- Runs it, and raises unless it ends with 0, writes nothing to standard error, and its output
-- matches.
-- @return its output
function command.says(db, pattern, arguments)
  local status, output, errors = command.run(db, arguments)
  if status ~= 0 or errors ~= "" or not output:find(pattern) then
    error(("forgelog %s ended with %d and does not say %s but: %s%s"):format(
      arguments, status, pattern, output, errors), 2)
  end
  return output
end

--- Runs it, and raises unless it ends with the expected status, writes nothing to standard
-- output, and one line to standard error, which matches.
-- @return that line
function command.fails(db, expected, pattern, arguments)
  local status, output, errors = command.run(db, arguments)
  if status ~= expected or output ~= "" or not errors:find("^forgelog: [^\n]+\n$")
    or not errors:find(pattern) then
    error(("forgelog %s ended with %d, not %d, and does not say %s but: %s%s"):format(
      arguments, status, expected, pattern, output, errors), 2)
  end
  return errors
end

local started, terminals = {}, {}

--- Starts it in the background: see `support.start`.
function command.start(...)
  started[#started + 1] = support.start("exec " .. command.line(...))
  return started[#started]
end

--- Starts it in a terminal of its own: see `support.terminal`.
function command.terminal(db, arguments, columns, rows)
  local shown = terminal.start("clear; " .. command.line(db, arguments), columns, rows)
  terminals[#terminals + 1] = shown
  return shown
end

--- Kills all that was started and still runs, and closes the terminals. Specs call it after each
-- test, since a process that goes on would keep the suite waiting.
function command.stop()
  for _, each in ipairs(started) do
    if each.pipe then each:kill("KILL") end
    each:wait()
  end
  for _, each in ipairs(terminals) do each:close() end
  started, terminals = {}, {}
end

--- Ends the backends of all connections that the command has to the log's database.
function command.cut(log)
  assert(log:query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    .. " WHERE application_name = 'forgelog' AND datname = current_database()"
    .. " AND pid <> pg_backend_pid()"))
end

--- The position that a consumer has saved in the database, without its timeline and what it rests
-- on; nil where none is saved.
function command.saved(log, name)
  local sql = "SELECT position FROM forge_change_log_consumers WHERE name = $1"
  local rows = assert(log:query(sql, name))
  return rows[1] and (rows[1].position or ""):match("^%d+:([^@=~!]*)")
end

--- The seqs of changes that were printed as JSON, in their order and joined by spaces.
function command.seqs(output)
  local list = {}
  for seq in output:gmatch('{"seq":(%d+),') do list[#list + 1] = seq end
  return table.concat(list, " ")
end

--- Counts the changes that were printed as JSON.
-- @return the number of different seqs, and of those that came more than once
function command.tally(output)
  local seen, different, twice = {}, 0, 0
  for seq in output:gmatch('"seq":(%d+)') do
    if not seen[seq] then different = different + 1 elseif seen[seq] == 1 then twice = twice + 1 end
    seen[seq] = (seen[seq] or 0) + 1
  end
  return different, twice
end

return command
