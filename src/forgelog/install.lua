--- Installing the log in a database: its tables, the triggers that keep count of what is trimmed,
-- and the functions that capture changes. Needs PostgreSQL 14 or later. A log has these functions
-- as methods (`log:install{...}`); here they take its `connection`.
-- @module forgelog.install
local check = require "forgelog.connection.options"
local compile = require "forgelog.tables.compile"
local core = require "forgelog.core"
local renew = require "forgelog.tables.renew"
local script = require "forgelog.install.script"
local sql = require "forgelog.connection.sql"
local uncompiled = require "forgelog.connection.uncompiled"

local install = {}

-- Of the database objects; raised with every change of a function or table in sql/ddl.
local VERSION = 5

-- The role that capture functions belong to where a superuser installs.
local OWNER = "forgelog"

-- The functions behind triggers that serve every table.
local CAPTURES = { "insert", "update", "delete", "truncate", "row" }

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
  elseif facts.other_types then
    local message = "%s has columns of these names, but of other types than forgelog writes: %s; "
      .. "rename them"
    return "column_type", message:format(log, facts.other_types)
  elseif facts.short_types then
    local message = "%s has columns that cannot take what forgelog writes: %s; ALTER them to text"
    return "column_type", message:format(log, facts.short_types)
  elseif facts.required then
    local message = "%s has columns that are NOT NULL and that forgelog leaves empty: %s; DROP NOT "
      .. "NULL there, or give a column of your own a DEFAULT"
    return "column_not_null", message:format(log, facts.required)
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

-- Whether a newer program has installed the log; this one changes nothing then.
local function is_newer(facts) return (facts.newest_version or 0) > VERSION end

-- Whether everything is as this program would install it.
local function is_current(facts)
  return facts.exists and facts.complete and facts.has_tables and facts.guarded and facts.functions
    and facts.settled or false
end

-- What to say of objects that belong to somebody else. They can be many, so they come last.
local function of_strangers(facts, name)
  local message = "role %s has objects of forgelog's in schema %s already; install %s, or drop "
    .. "what is not forgelog's (%s%s)"
  local how = (facts.strange_functions and "with %s as the option owner" or "as role %s")
    :format(facts.stranger)
  local more = facts.strangers > 2 and (", and %d more"):format(facts.strangers - 2) or ""
  return message:format(facts.stranger, name, how, facts.strange, more)
end

-- Why objects here cannot be trusted: a code and a message; nil where they can.
local function distrust(facts, name)
  if facts.strangers > 0 then
    return "foreign_object", of_strangers(facts, name)
  elseif facts.creators then
    local message = "others may create objects in schema %s, and so put some in the place of "
      .. "forgelog's: %s; REVOKE CREATE ON SCHEMA %s FROM %s, or install into a schema of its own "
      .. "(CREATE SCHEMA feed, and the option schema)"
    return "open_schema", message:format(name, facts.creators, facts.schema, facts.creators)
  elseif facts.role_unsafe and not facts.owner_given then
    local message = "the role %s is not one that can only write the log (it may log in, or do "
      .. "more, or others may act as it); say by the option owner which role capture functions are "
      .. "to belong to"
    return "owner_role", message:format(facts.wanted)
  end
end

-- What is in the database now. `owner`: the option of install.
local function find_facts(conn, name, owner)
  conn = uncompiled(conn)
  local rows, err = conn:run_in(name, "install.facts", VERSION)
  if not rows then return nil, err end
  local facts = rows[1]
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
  local wanted = owner or nil
  if owner == nil and facts.superuser then
    wanted = facts.capture_super == false and facts.capture_owner or OWNER
  end
  rows, err = conn:run_in(name, "install.owners", wanted)
  if not rows then return nil, err end
  for key, value in pairs(rows[1]) do facts[key] = value end
  facts.owner_given, facts.owner_text = owner, wanted
  return facts
end

-- Whether there is something to do: true or false; or nil and why it cannot be done.
local function has_work(facts, name)
  if is_newer(facts) then return false end
  local code, message = obstacle(facts, name)
  if not code then code, message = distrust(facts, name) end
  if code then return nil, refusal(code, message) end
  if is_current(facts) then return false end
  local right, lacks = missing_right(facts, name)
  if right then return nil, refusal(right, lacks, "42501") end
  return true
end

-- The statements that install everything.
local function statements(facts)
  local words, parts = { schema = facts.schema, version = VERSION }, {}
  local function add(text) parts[#parts + 1] = text end
  add(sql.fill("ddl.guard", words))
  add(sql.fill("ddl.log", words))
  add(sql.fill("ddl.compile", words))
  for _, kind in ipairs(CAPTURES) do
    add(compile.general(facts.schema, facts.schema_oid, VERSION, kind))
  end
  if not facts.foreign_trigger then
    add(compile.general(facts.schema, facts.schema_oid, VERSION, "row",
      "forge_notify_change"))
  end
  if not facts.foreign_trimmer then add(sql.fill("ddl.trim", words)) end
  add(sql.fill("ddl.sweep", { schema = facts.schema, relation = 0 }))
  if facts.owner_text then
    add(sql.fill("ddl.owner", { schema = facts.schema, owner = facts.wanted,
      owner_text = (facts.owner_text:gsub("'", "''")) }))
  end
  return table.concat(parts, "\n")
end

--- Creates the log and what belongs to it, or adds what is missing and upgrades what is older, in
-- one transaction; then it makes the functions of watched tables anew, table by table, where they
-- are of an older program, or the table was altered. Functions of the same names that are not
-- forgelog's stay as they are. Where nothing is to be done, nothing is locked.
-- @tparam forgelog.connection.Connection conn the connection
-- @tparam[opt] forgelog.install.Options opts
-- @treturn true
-- @treturn boolean whether anything was changed
-- @treturn forgelog.Error[]|nil where there are watched tables whose functions could not be made
-- anew: why (their changes are logged all the same, only slower)
-- @fails its `code` says what stands in the way
function install.install(conn, opts)
  opts = check.options("install", opts, {
    schema = "string", owner = "any", hstore = "boolean", lock_timeout = "seconds",
  })
  local name, err = conn:schema_name(opts.schema)
  if not name then return nil, err end
  local facts, work, ok, renewed, left
  facts, err = find_facts(conn, name, opts.owner)
  if facts then work, err = has_work(facts, name) end
  if work == nil then return nil, err end
  if work then
    local hint = "install as the owner of schema %s and of the log in it"
    ok, err = script.run(conn, statements(facts), {
      hint = hint:format(name), name = facts.schema .. ".forge_change_log", oid = facts.oid,
      lock_timeout = opts.lock_timeout, exclusive = true,
    })
    if not ok then return nil, err end
  end
  if is_newer(facts) then return true, false end
  renewed, left = renew.all(conn, name, opts.lock_timeout)
  if not renewed then return nil, left end
  return true, work or renewed > 0, left[1] and left
end

-- What install makes, and whether it is there.
local function parts_of(facts)
  local function part(code, name, there)
    return { code = code, name = name, there = there and true or false }
  end
  return {
    part("log", "table forge_change_log", facts.exists and facts.complete),
    part("tables", "tables forge_change_log_state, forge_change_log_consumers, "
      .. "forge_change_log_watches, forge_change_log_parked and forge_change_log_backfills",
      facts.has_tables),
    part("triggers", "triggers that keep count of what is trimmed", facts.guarded),
    part("functions", "functions", facts.functions),
  }
end

--- Which parts of the log are in the database. Changes nothing.
-- @tparam forgelog.connection.Connection conn the connection
-- @tparam[opt] forgelog.install.InstalledOptions opts
-- @treturn forgelog.install.Installed
-- @fails
function install.installed(conn, opts)
  opts = check.options("installed", opts, { schema = "string" })
  local name, err = conn:schema_name(opts.schema)
  if not name then return nil, err end
  local facts
  facts, err = find_facts(conn, name)
  if not facts then return nil, err end
  local code, message = obstacle(facts, name)
  -- Whose the objects are matters to the role that installs, which this one need not be.
  if not code and facts.strangers == 0 then code, message = distrust(facts, name) end
  return {
    schema = name,
    parts = parts_of(facts),
    owner = facts.capture_owner,
    current = is_newer(facts) or is_current(facts),
    obstacle = message,
    obstacle_code = code,
    own_trigger = not facts.foreign_trigger,
    own_trimmer = not facts.foreign_trimmer,
  }
end

return install
