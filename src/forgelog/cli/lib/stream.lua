--- What drain and follow share: where the position is kept, where they begin, and what they say
-- when they end early.
-- @module forgelog.cli.lib.stream
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local find = require "forgelog.tables.find"
local json = require "forgelog.cli.lib.json"
local key_of = require "forgelog.key"
local table_names = require "forgelog.tables.names"
local status = require "forgelog.status"
local times = require "forgelog.times"
local units = require "forgelog.units"

local stream = {}

local NOT_SINCE = "going on from the saved position %s, not from --since"

--- What is in a list of lists, as one list; nil where there is nothing. So come the values of an
-- option that may be given several times, and takes several each time.
function stream.flat(lists)
  local all = {}
  for _, list in ipairs(lists) do
    for _, value in ipairs(list) do all[#all + 1] = value end
  end
  return all[1] and all
end

--- The names in such lists of texts, each of which may hold several between commas; nil for none. A
-- comma within double quotes belongs to a name, where each quote is closed.
function stream.table_names(lists)
  local names = {}
  for _, text in ipairs(stream.flat(lists) or {}) do
    local _, quotes = text:gsub('"', "")
    for _, name in ipairs(units.parts(text, quotes % 2 == 0)) do names[#names + 1] = name end
  end
  return names[1] and names
end

-- Keys as they were given; one of several columns, which is JSON, also with the blanks and quotes
-- of the log.
local function keys_of(given)
  local keys = {}
  for _, key in ipairs(given) do
    local parts = key_of({ row_id = key })
    for i, part in ipairs(parts) do parts[i] = json.encode(part) end
    keys[#keys + 1] = key
    if parts[2] then keys[#keys + 1] = "[" .. table.concat(parts, ", ") .. "]" end
  end
  return keys[1] and keys
end

--- Puts what a command wants to read of the log among the options of `drain` or of a consumer.
-- @param options of the command
-- @tparam table opts to add them to
-- @return opts
function stream.filter(options, opts)
  opts.tables = stream.table_names(options.tables)
  opts.channels = options.channel[1] and options.channel
  opts.ops = stream.flat(options.op)
  opts.columns = options.column[1] and options.column
  opts.keys = keys_of(options.key)
  return opts
end

local OPTION_OF = { no_table = "--tables", not_watched = "--tables", no_column = "--column" }

-- Says which keys can be those of no row, by how many columns the tables' keys have now. Not an
-- error: these may have had another key.
local function note_keys(log, options)
  for _, name in ipairs(options.key[1] and stream.table_names(options.tables) or {}) do
    local found = find.table(log.connection, "drain", name)
    local _, columns = (found and found.key or "\1"):gsub("[^\1]+", "")
    for _, key in ipairs(columns > 1 and options.key or {}) do
      if #key_of({ row_id = key }) ~= columns then
        errors.say(("--key: no row of %s has the key %s: it has %d columns, and is a JSON array "
          .. "of as many texts"):format(name, key, columns))
      end
    end
  end
end

--- Refuses names of tables and columns that mean nothing, and keys and channels that are no text
-- in the connection's encoding, before anything is read or saved.
-- @param log a log
-- @string command "drain" or "follow"
-- @param options of the command
-- @tparam[opt] table memory of `forgelog.tables.names`, for who looks the same tables up again
function stream.check_names(log, command, options, memory)
  for _, option in ipairs({ "key", "channel" }) do
    for _, text in ipairs(options[option]) do
      local ok, wrong = log:query("SELECT $1::text", text)
      if not ok then error(errors.of_option(wrong, "--" .. option), 0) end
    end
  end
  local filter, err = table_names.resolve(log.connection, command, stream.filter(options, {}),
    memory or {}, true)
  if filter then return note_keys(log, options) end
  error(OPTION_OF[err.code] and errors.of_option(err, OPTION_OF[err.code]) or err, 0)
end

-- Who has the lock of a position file, in brackets; nothing where that is not to be read.
local function holder(path)
  local file = io.open(path)
  local pid = file and file:read("*l")
  if file then file:close() end
  return pid and (" (process %s)"):format(pid) or ""
end

--- Has no other drain or follow work with the same --position-file as long as this process lives.
-- The file itself is replaced with each save, so what is locked is one beside it.
-- @param options of the command
-- @func note tells the user something
function stream.claim_file(options, note)
  local path = options.position_file
  if not path then return end
  local beside = path .. ".lock"
  local locked, why, there = core.lock(beside)
  if locked then return end
  local wrong = ("%s cannot be locked: %s"):format(beside, tostring(why))
  if there then return note("%s; let no other drain or follow work with %s", wrong, path) end
  if locked == false then wrong = "another drain or follow works with it" .. holder(beside) end
  local message = "--position-file %s: %s"
  error(core.error("query", message:format(path, wrong), nil,
    { code = locked == false and "file_taken" or nil }), 0)
end

local function kept_by(options)
  if options.name then return consumer.table() end
  if options.position_file then return consumer.file(options.position_file) end
  return consumer.memory()
end

-- The same store, except that a consumer without a saved position begins where --since says. That
-- position is saved at once: if a trim passes it before the first change comes, that is a gap like
-- any other.
local function beginning_at(store, since, note)
  local wrapped, told = setmetatable({}, { __index = store }), false
  function wrapped.load(log, name)
    local position, err = store.load(log, name)
    if err then return nil, err end
    if position then
      if position ~= since and not told then note(NOT_SINCE, core.place(position)) end
      told = true
      return position
    end
    told = true
    local ok
    ok, err = store.save(log, name, since)
    if not ok then return nil, err end
    return since
  end
  return wrapped
end

--- The store that keeps the position: in the database under --name, in the file of --position-file,
-- or nowhere but in memory.
-- @param options of the command
-- @func note called with the parts of a line for the user
function stream.store(options, note)
  local store, since = kept_by(options), options.since
  if since == nil or since == "now" or since == "beginning" then return store end
  return beginning_at(store, since, note)
end

--- Raises where a place is a time that has not come yet, by the server's clock.
-- @param log a log
-- @param place as the parser has it
-- @string what it is of, such as "--since"
function stream.refuse_future(log, place, what)
  local at = type(place) == "table" and place.at
  if not at or at <= errors.must(status.clock(log.connection)) then return end
  local message = "%s: '%s' is in the future; `now` skips all"
  error(core.error("query", message:format(what, place.text), nil, { code = "usage" }), 0)
end

--- What to do about a gap after a place that may not be meant as the position that it is; nil where
-- nothing is.
-- @param place as the parser has it
-- @treturn ?string
function stream.of_clock(place)
  if type(place) ~= "string" or not times.is_clock(place) then return nil end
  return ("where %s is a time of day, give its date too: %sT%s"):format(place, os.date("%Y-%m-%d"),
    place)
end

-- The error that changes since a time may be gone; `again` is what a place to begin from is written
-- behind.
local function gone_since(since, upto, first_at, again)
  local held = "the log is empty by now"
  if first_at then held = "the first one that it holds is of " .. times.text(first_at) end
  local err = core.error("gap", ("trimmed: changes since %s may be gone, up to seq %d; %s"):format(
    since.text, upto, held), nil, { code = "trimmed", reason = "trimmed", upto = upto })
  -- To the second, and behind that change: of what was written just before it nobody knows.
  local later = first_at and times.text(first_at + 1) or "now"
  return errors.advise(err, again .. "0 gives all that is there; " .. again .. later
    .. " goes on from there, once the tables were read anew")
end

--- The position of a time. Raises where changes since then may be gone.
-- @param log a log
-- @tparam table since the time: `text`, and `at` (Unix seconds) or `ago` (seconds)
-- @number settle longest time to wait for writers that were open before
-- @string again what the command has before a place to begin from, such as "--since "
-- @return the position; or nil and an error where that wait was in vain
function stream.position_of(log, since, settle, again)
  local at = since.at or errors.must(status.clock(log.connection)) - since.ago
  local position, why, upto, first_at = log:position({ at = at, settle = settle })
  if position and why then error(gone_since(since, upto, first_at, again), 0) end
  return position, why
end

--- Where --since is a time and no position is saved, finds the position of that time; from then on
-- that is what --since says.
-- @param context of `forgelog.cli.lib.context`
-- @param log a log
-- @param options of the command
-- @number settle longest time to wait for writers that were open before
-- @return true; or nil and the error that writers stay open of which nobody knows when they began
function stream.find_time(context, log, options, settle)
  local since = options.since
  if type(since) ~= "table" then return true end
  stream.refuse_future(log, since, "--since")
  local position, err = errors.must(kept_by(options).load(log, options.name)), nil
  if position then
    context.note(NOT_SINCE, core.place(position))
  else
    position, err = stream.position_of(log, since, settle, "--since ")
  end
  if position then
    options.since = position
    return true
  end
  if err.kind ~= "timeout" then error(err, 0) end
  return nil, err
end

--- An error, to which a gap adds how to go on after it, and a name that another program has what is
-- to be changed.
function stream.advise(err, options)
  if type(err) ~= "table" or err.advice then return err end
  if err.code == "name_taken" then
    return errors.advise(err, errors.of_holder(err, "end that one, or give another --name"))
  end
  if err.kind ~= "gap" then return err end
  local clock = stream.of_clock(options.since)
  if clock then return errors.advise(err, clock) end
  local steps = { "take the new position (forgelog position)", "read the tables anew" }
  if options.name then steps[#steps + 1] = "forgelog forget " .. options.name end
  if options.position_file then steps[#steps + 1] = "rm " .. options.position_file end
  steps[#steps + 1] = "then go on with --since it"
  return errors.advise(err, table.concat(steps, ", "))
end

--- Says where a command stopped, and so how it is gone on with.
-- @param context of `forgelog.cli.lib.context`
-- @string[opt] saved the position that was saved last
-- @string[opt] began where it began
-- @param options of the command
function stream.say_stopped(context, saved, began, options)
  if not (options.name or options.position_file) then
    local position = core.place(saved or began or "0")
    return context.note("stopped at position %s; go on with --since %s", position, position)
  end
  if not saved then return context.note("stopped before a position was saved") end
  context.note("stopped at position %s, saved", core.place(saved))
end

return stream
