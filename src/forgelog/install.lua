--- Installing the log in a database: its tables, the triggers that keep count of what is trimmed,
-- and the functions that capture changes. Needs PostgreSQL 14 or later. A log has these functions
-- as methods (`log:install{...}`); here they take its `connection`.
-- @module forgelog.install
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local script = require "forgelog.install.script"
local sql = require "forgelog.connection.sql"

local install = {}

-- Of the database objects; raised with every change of a function or table in sql/ddl.
local VERSION = 2

-- What a column created_at has to be.
local TIMESTAMP = "timestamp with time zone"

-- What stands in the way of installing: a code and a message; nil where nothing does.
local function obstacle(facts, name)
  local log = facts.schema .. ".forge_change_log"
  if not facts.schema_exists then
    local message = "there is no schema %s here; CREATE SCHEMA %s first"
    return "no_schema", message:format(name, facts.schema)
  elseif not facts.exists then
    return nil
  elseif facts.not_a_table then
    return "not_a_table", log .. " is not an ordinary table"
  elseif facts.missing_essential then
    local message = "%s has no column %s; it is not a change log"
    return "not_a_log", message:format(log, facts.missing_essential)
  elseif facts.created_at_type and facts.created_at_type ~= TIMESTAMP then
    local message = "%s.created_at is %s; ALTER it to timestamptz"
    return "created_at_type", message:format(log, facts.created_at_type)
  elseif not facts.sequence then
    return "no_sequence", ("no sequence gives %s.seq its values"):format(log)
  elseif facts.increment ~= 1 or facts.cache ~= 1 then
    local message = "the sequence %s has CACHE %d and INCREMENT %d, so seqs would not ascend in "
      .. "time; ALTER SEQUENCE %s CACHE 1 INCREMENT 1"
    return "sequence_steps",
      message:format(facts.sequence, facts.cache, facts.increment, facts.sequence)
  end
end

-- The right to install that this role lacks: a code and a message; nil where it lacks none.
local function missing_right(facts, name)
  if not facts.may_create then
    local message = "role %s lacks the right CREATE on schema %s; ask its owner: "
      .. "GRANT CREATE ON SCHEMA %s TO %s"
    return "may_not_create",
      message:format(facts.role, name, facts.schema, sql.identifier(facts.role))
  elseif facts.exists and not facts.owned then
    local message = "role %s does not own %s.forge_change_log; install as %s"
    return "not_owner", message:format(facts.role, facts.schema, facts.owner)
  end
end

local function refusal(code, message, sqlstate)
  return core.error("schema", message, sqlstate, { code = code })
end

-- What the capture functions are made for: the extension's place and identity, or jsonb.
local function capture_mark(facts)
  if facts.hstore_oid == 0 then return "jsonb" end
  return ("%s.akeys=%d"):format(facts.hstore_schema, facts.hstore_oid)
end

-- How UPDATEs are captured now: "hstore" or "jsonb"; nil where there are no capture functions.
local function captures_by(facts)
  if not facts.capture then return nil end
  return facts.capture:find("akeys=", 1, true) and "hstore" or "jsonb"
end

-- Whether a newer program has installed the log; this one changes nothing then.
local function is_newer(facts) return (facts.newest_version or 0) > VERSION end

-- Whether everything is as this program would install it.
local function is_current(facts)
  return facts.exists and facts.complete and facts.has_tables and facts.guarded
    and facts.functions and facts.capture == ("forgelog %d %s"):format(VERSION, capture_mark(facts))
    or false
end

-- What is in the database now.
local function find_facts(conn, name, use_hstore)
  local rows, err = conn:run_in(name, "install.facts", VERSION)
  if not rows then return nil, err end
  local facts = rows[1]
  if not use_hstore then facts.hstore_oid = 0 end
  if facts.has_tables and facts.owned and facts.sequence then
    rows, err = conn:run_in(name, "install.state", facts.sequence)
    if not rows then return nil, err end
    facts.has_tables = rows[1].sound
  end
  if facts.has_tables and facts.sequence and facts.owned and not facts.locked then -- or it waits
    rows, err = conn:run_in(name, "install.sequence", facts.sequence)
    if not rows then return nil, err end
    facts.has_tables = rows[1].leads
  end
  return facts
end

-- Whether there is something to do: true or false; or nil and why it cannot be done.
local function has_work(facts, name, use_hstore)
  if is_newer(facts) then return false end
  local code, message = obstacle(facts, name)
  if code then return nil, refusal(code, message) end
  local right, lacks = missing_right(facts, name)
  local lacks_hstore = use_hstore and facts.hstore_oid == 0
  if is_current(facts) and (right or not lacks_hstore) then return false end
  if right then return nil, refusal(right, lacks, "42501") end
  return true
end

-- The facts after an attempt to have the extension.
local function add_hstore(conn, name, facts)
  local text = sql.fill("ddl.hstore", { schema = facts.schema })
  local ok, err = script.run(conn, text, "install needs CREATE on the schema")
  if not ok then return nil, err end
  return find_facts(conn, name, true)
end

-- The statements that install everything.
local function statements(facts)
  local hstore = facts.hstore_oid > 0 and facts.hstore_schema or facts.schema
  local words = {
    schema = facts.schema, version = VERSION, capture = (capture_mark(facts):gsub("'", "''")),
    hstore = hstore, hstore_text = (hstore:gsub("'", "''")),
    hstore_oid = ("%d"):format(facts.hstore_oid),
  }
  local parts = {}
  local function add(name) parts[#parts + 1] = sql.fill(name, words) end
  local function add_row_trigger(name)
    words["function"] = name
    add("ddl.row")
  end
  add("ddl.guard")
  add("ddl.log")
  add("ddl.capture")
  add_row_trigger("forge_capture_row")
  if not facts.foreign_trigger then add_row_trigger("forge_notify_change") end
  if not facts.foreign_trimmer then add("ddl.trim") end
  return table.concat(parts, "\n")
end

--- Creates the log and what belongs to it, or adds what is missing and upgrades what is older, in
-- one transaction. Functions of the same names that are not forgelog's stay as they are. Where
-- nothing is to be done, nothing is locked.
-- @param conn the connection
-- @tparam[opt] table opts `schema` (string; default: the one given to connect, else where the
-- search path finds a log, else its first schema), `hstore` (false: never use that extension;
-- default: where it is available)
-- @return true, and whether anything was changed; or nil and an error, whose `code` says what
-- stands in the way
function install.install(conn, opts)
  opts = check.options("install", opts, { schema = "string", hstore = "boolean" })
  local use_hstore = opts.hstore ~= false
  local name, err = conn:schema_name(opts.schema)
  if not name then return nil, err end
  local facts, work
  facts, err = find_facts(conn, name, use_hstore)
  if facts then work, err = has_work(facts, name, use_hstore) end
  if work == nil then return nil, err end
  if work and use_hstore and facts.hstore_oid == 0 then
    facts, err = add_hstore(conn, name, facts)
    if not facts then return nil, err end
    work = not is_current(facts)
  end
  if not work then return true, false end
  local hint = "install as the owner of schema %s and of the log in it"
  local ok
  ok, err = script.run(conn, statements(facts), hint:format(name))
  if not ok then return nil, err end
  return true, true
end

-- What install makes, and whether it is there.
local function parts_of(facts)
  local function part(code, name, there)
    return { code = code, name = name, there = there and true or false }
  end
  return {
    part("log", "table forge_change_log", facts.exists and facts.complete),
    part("tables", "tables forge_change_log_state and forge_change_log_consumers",
      facts.has_tables),
    part("triggers", "triggers that keep count of what is trimmed", facts.guarded),
    part("functions", "functions", facts.functions),
    part("hstore", "extension hstore", facts.hstore_oid > 0),
  }
end

--- Which parts of the log are in the database. Changes nothing.
-- @param conn the connection
-- @tparam[opt] table opts `schema` (string; default: as for `install`)
-- @return a table: `schema`, `parts` (a list of what install makes, of which each has `code`
-- ("log", "tables", "triggers", "functions", "hstore"), `name` and `there`), `capture`
-- ("hstore", "jsonb" or nil), `other_hstore` (true: the capture functions were made for another
-- extension hstore than there is now), `current` (true: install has nothing to do, except perhaps
-- for hstore), `obstacle` (what stands in the way of installing and of draining, or nil) and
-- `obstacle_code`, `own_trigger` and `own_trimmer` (false: the functions forge_notify_change and
-- forge_trim_change_log there are not forgelog's, and stay); or nil and an error
function install.installed(conn, opts)
  opts = check.options("installed", opts, { schema = "string" })
  local name, err = conn:schema_name(opts.schema)
  if not name then return nil, err end
  local facts
  facts, err = find_facts(conn, name, true)
  if not facts then return nil, err end
  local code, message = obstacle(facts, name)
  local capture = captures_by(facts)
  return {
    schema = name,
    parts = parts_of(facts),
    capture = capture,
    other_hstore = capture == "hstore"
      and facts.capture:match("^forgelog %d+ (.*)$") ~= capture_mark(facts),
    current = is_newer(facts) or is_current(facts),
    obstacle = message,
    obstacle_code = code,
    own_trigger = not facts.foreign_trigger,
    own_trimmer = not facts.foreign_trimmer,
  }
end

return install
