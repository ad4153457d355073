--- The database side: installing the log, and having the changes of tables written to it.
-- The functions take a connected log; they are methods of it (`log:install{...}`). Needs PostgreSQL 14 or later.
-- @module forgelog.schema
local check = require "forgelog.check"
local database = require "forgelog.database"
local watch = require "forgelog.watch"
local watched = require "forgelog.watched"

local failed, one, run, sql = database.failed, database.one, database.run, database.sql

local schema = { watch = watch.watch, unwatch = watch.unwatch, watched = watched.watched }

local VERSION = 1 -- of the database objects; raised with every change of a function or table in sql/
local FUNCTIONS = 10 -- that carry the version; one more each for the row trigger and the trimmer where they are ours
local SERIALIZE = "SELECT pg_catalog.pg_advisory_xact_lock(77306496745476);\n" -- 0x464F52470004: one install at a time

-- What stands in the way of installing, or nil.
local function obstacle(facts, name)
  if not facts.there then
    return ("there is no schema %s here; CREATE SCHEMA %s first"):format(name, facts.quoted)
  elseif facts.log and facts.no_table then
    return ("%s.forge_change_log is not an ordinary table"):format(facts.quoted)
  elseif facts.lacks then
    return ("%s.forge_change_log has no column %s; it is not a change log"):format(facts.quoted, facts.lacks)
  elseif facts.created_at and facts.created_at ~= "timestamp with time zone" then
    return ("%s.forge_change_log.created_at is %s; ALTER it to timestamptz"):format(facts.quoted, facts.created_at)
  elseif facts.log and not facts.sequence then
    return ("no sequence gives %s.forge_change_log.seq its values"):format(facts.quoted)
  elseif facts.log and (facts.step ~= 1 or facts.cache ~= 1) then
    return ("the sequence %s has CACHE %d and INCREMENT %d, so seqs would not ascend in time; "
      .. "ALTER SEQUENCE %s CACHE 1 INCREMENT 1"):format(facts.sequence, facts.cache, facts.step, facts.sequence)
  end
end

local function missing_right(facts, name)
  if not facts.may_create then
    return ("role %s lacks the right CREATE on schema %s; ask its owner: GRANT CREATE ON SCHEMA %s TO %s"):format(
      facts.role, name, facts.quoted, '"' .. facts.role:gsub('"', '""') .. '"')
  elseif facts.log and not facts.owns then
    return ("role %s does not own %s.forge_change_log; install as %s"):format(facts.role, facts.quoted, facts.owner)
  end
end

-- What the capture functions were made for: the extension's place and identity, or jsonb.
local function capture_mark(facts)
  return facts.hstore_oid > 0 and ("%s.akeys=%d"):format(facts.hstore, facts.hstore_oid) or "jsonb"
end

local function has_functions(facts)
  return facts.versions >= FUNCTIONS + (facts.foreign_notify and 0 or 1) + (facts.foreign_trim and 0 or 1)
end

local function stands(facts)
  return facts.log and facts.columns and facts.indexed and facts.tables and facts.guarded and has_functions(facts)
    and facts.capture == ("forgelog %d %s"):format(VERSION, capture_mark(facts))
end

local function find_facts(log, name, hstore)
  local facts, err = one(log, sql("facts"), name, VERSION)
  if not facts then return nil, err end
  if hstore == false then facts.hstore_oid = 0 end
  if facts.tables and facts.owns and facts.sequence then
    local state
    state, err = one(log, sql("state", { schema = facts.quoted, sequence = "'" .. facts.sequence:gsub("'", "''") .. "'" }))
    if not state then return nil, err end
    facts.tables = state.sound
  end
  return facts
end

local function in_literal(text)
  return (text:gsub("'", "''"))
end

local function script(facts)
  local hstore = facts.hstore_oid > 0 and facts.hstore or facts.quoted
  local values = { schema = facts.quoted, schema_text = in_literal(facts.quoted), literal = facts.literal, version = VERSION,
    capture = in_literal(capture_mark(facts)), hstore = hstore, hstore_text = in_literal(hstore),
    hstore_oid = ("%d"):format(facts.hstore_oid) }
  local function row(name)
    values["function"] = name
    return sql("row", values)
  end
  local parts = { SERIALIZE, sql("guard", values), sql("install", values), sql("capture", values), row("forge_capture_row") }
  if not facts.foreign_notify then parts[#parts + 1] = row("forge_notify_change") end
  if not facts.foreign_trim then parts[#parts + 1] = sql("trim", values) end
  return table.concat(parts, "\n")
end

-- The facts after an attempt to have the extension.
local function add_hstore(log, name, facts)
  local ok, err = run(log, sql("hstore", { schema = facts.quoted }), "install needs CREATE on the schema")
  if not ok then return nil, err end
  return find_facts(log, name)
end

--- Creates the log and what belongs to it, or adds what is missing and upgrades what is older, in one transaction.
-- Functions of the same names that are not forgelog's stay as they are. Where everything stands, nothing is locked.
-- @param log the log
-- @tparam[opt] table opts `schema` (string; default: the one given to connect, else where the search path finds a log,
-- else its first schema), `hstore` (false: never use that extension; default: where it is to be had)
-- @return true, and whether anything was changed; or nil and an error
function schema.install(log, opts)
  opts = check.options("install", opts, { schema = "string", hstore = "boolean" })
  local name, err = database.schema(log, opts.schema)
  if not name then return nil, err end
  local facts
  facts, err = find_facts(log, name, opts.hstore)
  if not facts then return nil, err end
  if (facts.newest or 0) > VERSION then return true, false end
  local wrong, right = obstacle(facts, name), missing_right(facts, name)
  if wrong then return failed(wrong) end
  if stands(facts) and (right or facts.hstore_oid > 0 or opts.hstore == false) then return true, false end
  if right then return failed(right, "42501") end
  if facts.hstore_oid == 0 and opts.hstore ~= false then
    facts, err = add_hstore(log, name, facts)
    if not facts then return nil, err end
    if stands(facts) then return true, false end
  end
  local ok
  ok, err = run(log, script(facts), ("install as the owner of schema %s and of the log in it"):format(name))
  if not ok then return nil, err end
  return true, true
end

--- What stands of the log, without changing anything.
-- @param log the log
-- @tparam[opt] table opts `schema` (string; default: as for `install`)
-- @return a table: `schema`, `parts` (a list of what install makes, of which each has `name` and `there`), `capture`
-- ("hstore", "jsonb" or nil), `current` (true: install has nothing to do, but for hstore), `obstacle` (what stands in the
-- way of installing and of draining, or nil), `own_trigger` and `own_trimmer` (false: the functions forge_notify_change
-- and forge_trim_change_log there are not forgelog's, and stay); or nil and an error
function schema.installed(log, opts)
  opts = check.options("installed", opts, { schema = "string" })
  local name, err = database.schema(log, opts.schema)
  if not name then return nil, err end
  local facts
  facts, err = find_facts(log, name)
  if not facts then return nil, err end
  local parts = {}
  for i, part in ipairs {
    { "table forge_change_log", facts.log and facts.columns }, { "index on created_at", facts.indexed },
    { "tables forge_change_log_state and forge_change_log_consumers", facts.tables },
    { "triggers that keep count of what is trimmed", facts.guarded },
    { "functions", has_functions(facts) }, { "extension hstore", facts.hstore_oid > 0 },
  } do
    parts[i] = { name = part[1], there = part[2] and true or false }
  end
  return {
    schema = name,
    parts = parts,
    capture = facts.capture and (facts.capture:find("akeys", 1, true) and "hstore" or "jsonb") or nil,
    current = (facts.newest or 0) > VERSION or stands(facts) and true or false,
    obstacle = obstacle(facts, name),
    own_trigger = not facts.foreign_notify,
    own_trimmer = not facts.foreign_trim,
  }
end

return schema
