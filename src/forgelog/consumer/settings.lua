--- The options of a consumer: what each may be, and what goes together.
-- @module forgelog.consumer.settings
local check = require "forgelog.connection.options"
local crew = require "forgelog.consumer.crew"
local find_waiter = require "forgelog.wait"
local lanes = require "forgelog.consumer.lanes"
local rows = require "forgelog.consumer.rows"
local states = require "forgelog.consumer.states"
local store = require "forgelog.store"

local WHERE = "consumer.new"

local known = {
  conninfo = "any", name = "string", position = "any", on_changes = "function",
  on_resync = "function", resync = "string", on_error = "function", batch = "positive",
  start = "string",
  transaction = "boolean", exclusive = "string", schema = "string", wait = "any",
  timeout = "seconds", settle = "seconds", lease = "seconds", share = "string", key = "function",
  attempts = "positive", park = "string", on_park = "function", on_change = "function",
  concurrency = "positive",
}
for name, kind in pairs(states.FOLLOWS) do known[name] = kind end

local function one_of(options, name, choices)
  local value = options[name] or choices[1]
  for _, choice in ipairs(choices) do
    if value == choice then return value end
  end
  local message = ("%s must be one of %s, got %q"):format(name, table.concat(choices, ", "), value)
  check.misuse(WHERE, message)
end

local function checked_store(options)
  local chosen = options.position or store.memory()
  local is_store = type(chosen) == "table" and type(chosen.load) == "function"
    and type(chosen.save) == "function"
  if not is_store then
    check.misuse(WHERE, "position must be a store: consumer.memory(), .file(path), "
      .. ".table(), or a table of load and save")
  end
  if options.transaction and not chosen.transactional then
    check.misuse(WHERE,
      "transaction needs position = consumer.table(), which commits with the handler's work")
  end
  if chosen.transactional and not options.name then
    check.misuse(WHERE, "the table store needs a name")
  end
  return chosen
end

local function check_name(name)
  if name == "" then check.misuse(WHERE, "name must not be empty") end
  if name and select(2, rows.split(name)) then
    local message = "name must not end like that of a lane, got %q; for lanes there is share"
    check.misuse(WHERE, message:format(name))
  end
end

-- Where it may begin that has no saved position: the default first.
local function checked_start(options)
  local may_resync = options.on_resync or options.resync
  if options.start == "resync" and not may_resync then
    check.misuse(WHERE, 'start = "resync" needs on_resync or resync = "backfill"')
  end
  local starts = { "beginning", "now" }
  table.insert(starts, may_resync and 1 or 3, "resync")
  return one_of(options, "start", starts)
end

local function check_handler(options)
  if options.on_change and options.on_changes then
    check.misuse(WHERE, "on_change and on_changes exclude each other")
  elseif not (options.on_change or options.on_changes) then
    check.misuse(WHERE, "on_changes or on_change must be a function")
  end
end

local function check_parking(options)
  one_of(options, "park", { "key", "change" })
  local asks = options.attempts and "attempts" or options.park and "park" or options.on_park
    and "on_park"
  if asks and not options.attempts then check.misuse(WHERE, asks .. " needs attempts") end
  if asks and not options.name then check.misuse(WHERE, asks .. " needs a name") end
end

local function check_resync(options)
  if not options.resync then return end
  one_of(options, "resync", { "backfill" })
  if options.on_resync then
    check.misuse(WHERE, 'resync = "backfill" takes the place of on_resync')
  end
  if not options.name then check.misuse(WHERE, 'resync = "backfill" needs a name') end
end

--- Checks them; raises where they are not right.
-- @tparam table options of `consumer.new`
-- @return what follows from them, as fields of a consumer
return function(options)
  options = check.wanted(WHERE, check.options(WHERE, options, known))
  check_handler(options)
  check_name(options.name)
  check_parking(options)
  check_resync(options)
  if options.lease == 0 then check.misuse(WHERE, "lease must be more than 0 seconds") end
  local own = { _options = options, _store = checked_store(options),
    _waiter = find_waiter(WHERE, options.wait) }
  own._concurrent = crew.is_wanted(options, own._waiter)
  -- A handler has a connection to the log alone, and these write beside the position.
  if own._concurrent and own._store.conninfo and (options.attempts or options.resync) then
    check.misuse(WHERE, "concurrency with consumer.table{conninfo} excludes attempts and resync; "
      .. "share the work by lanes, or read the primary")
  end
  own._start = checked_start(options)
  own._refuse = one_of(options, "exclusive", { "wait", "refuse" }) == "refuse"
  own._lane = lanes.parse(options.share, options.name)
  if own._lane and not own._store.transactional then
    check.misuse(WHERE, "share needs position = consumer.table(), a position a lane")
  end
  return own
end
