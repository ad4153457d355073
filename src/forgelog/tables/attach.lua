--- Attaching the capture triggers to a table, and taking them away.
-- @module forgelog.tables.attach
local arguments = require "forgelog.tables.arguments"
local arrays = require "forgelog.connection.arrays"
local compile = require "forgelog.tables.compile"
local find = require "forgelog.tables.find"
local inspect = require "forgelog.tables.inspect"
local script = require "forgelog.install.script"
local sql = require "forgelog.connection.sql"
local triggers = require "forgelog.tables.triggers"
local uncompiled = require "forgelog.connection.uncompiled"

local DUPLICATE_OBJECT = "42710" -- SQLSTATE

local unpack = table.unpack or unpack -- luacheck: ignore 143

local attach = {}

-- Whether the functions that the triggers call are those of the table as it is now: true, false, or
-- nil and an error.
local function is_fresh(conn, found)
  if not found.may_compile then return true end
  local rows, err = uncompiled(conn):run_in(found.home, "tables.stale", found.oid)
  if not rows then return nil, err end
  return #rows == 0
end

-- ---- statements ----

-- What writes down that the table is watched, where this role may; the triggers are recognized by
-- the transaction that made them.
local function add_record(statements, found)
  if not found.may_record then return end
  statements[#statements + 1] = sql.fill("ddl.record", {
    schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid),
    name = sql.literal(found.name),
  })
end

-- What lets the owners of a partitioned table and of those below it go on as before.
local function add_rights(statements, found)
  if found.kind ~= "p" then return end
  statements[#statements + 1] = sql.fill("ddl.attachable", {
    schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid),
  })
end

-- What forgets it again.
local function add_unrecord(statements, found)
  if not found.may_record then return end
  statements[#statements + 1] = sql.fill("ddl.unrecord",
    { schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid) })
end

local HINT = "watch needs the right TRIGGER on %s (with triggers to replace: its owner), and "
  .. "EXECUTE on the functions forge_capture_* in schema %s"

local function run(conn, found, statements, hint, lock_timeout)
  return script.run(conn, table.concat(statements, "\n"), {
    hint = hint, name = found.name, oid = found.oid, alone = true, exclusive = statements.drops,
    lock_timeout = lock_timeout,
  })
end

-- The functions of the table alone, made for it as it is now; nothing where this role may make
-- none.
local function add_functions(conn, statements, wanted, found)
  if not found.may_compile then return true end
  local kinds = wanted.level == "row" and { "row" } or { "insert", "update", "delete" }
  local text, err = compile.of_table(conn, found.home, found.oid, kinds,
    arrays.write(arguments.of(kinds[1], wanted, found)), found.capture_owner)
  if err then return nil, err end
  if not text then found.may_compile = false end
  statements[#statements + 1] = text
  return true
end

-- Adds what makes the triggers do what is wanted, as far as they do not. The functions alone are
-- made anew without locking the table.
local function add_all(conn, statements, wanted, found, there)
  local ok, err = add_functions(conn, statements, wanted, found)
  if not ok then return nil, err end
  if not triggers.do_that(there, wanted, found) then
    local partitions
    partitions, err = conn:run("tables.partitions", found.oid)
    if not partitions then return nil, err end
    triggers.add(statements, wanted, found, there, partitions)
  end
  add_rights(statements, found)
  add_record(statements, found)
  return true
end

-- Has the table captured as wanted. A partition of a watched table needs no triggers of its own:
-- any that it had are dropped.
local function replace(conn, wanted, found, there)
  local statements = {}
  if found.ancestor then
    for _, row in ipairs(there.own) do triggers.add_drop(statements, row) end
    add_unrecord(statements, found)
  else
    local ok, err = add_all(conn, statements, wanted, found, there)
    if not ok then return nil, err end
  end
  return run(conn, found, statements, HINT:format(found.name, found.home), wanted.lock_timeout)
end

-- ---- watch, unwatch ----

-- Whether nothing is to be done; or nil and an error.
local function is_done(conn, wanted, found, there)
  if found.ancestor then return #there.own == 0 end
  if not triggers.do_that(there, wanted, found) then return false end
  return is_fresh(conn, found)
end

-- Where the triggers stand as they should, they are written down as they are.
local function confirm(conn, found)
  local statements = {}
  if found.ancestor then return true end
  add_record(statements, found)
  if #statements == 0 then return true end
  local ok, err = conn:query(statements[1])
  return ok and true, err
end

-- What a table is to be captured like. `as_before`: columns that it has no more may be among those
-- to keep and to ignore.
local function wanted_of(found, opts)
  local wanted = {
    level = found.level, notify = opts.notify ~= false, unlogged = opts.unlogged,
    ignore = { unpack(opts.ignore or {}) }, keep = opts.keep or {},
    lock_timeout = opts.lock_timeout, as_before = opts.as_before,
  }
  table.sort(wanted.ignore)
  return wanted
end

--- Attaches the triggers. (`forgelog.tables.watch`)
function attach.attach(conn, name, opts, again)
  local found, err = find.table(conn, "watch", name)
  if not found then return nil, err end
  local wanted = wanted_of(found, opts)
  local ok, there, done
  ok, err = find.admit(found, wanted)
  if ok then there, err = triggers.find(conn, found) end
  if there then done, err = is_done(conn, wanted, found, there) end
  if err then return nil, err end
  if done then
    ok, err = confirm(conn, found)
    if not ok then return nil, err end
    return true, false
  end
  ok, err = replace(conn, wanted, found, there)
  if ok then return true, true end
  -- Somebody else has watched it meanwhile, so there is something else to replace.
  if err.sqlstate ~= DUPLICATE_OBJECT or again then return nil, err end
  return attach.attach(conn, name, opts, true)
end

--- Makes the functions and triggers of a table that is watched anew, with the options that it has.
-- @param conn the connection
-- @tparam table about of `forgelog.tables.watched`
-- @number[opt] lock_timeout seconds to wait for the table at a time
-- @return true, and whether anything was changed; or nil and an error
function attach.renew(conn, about, lock_timeout)
  local name = sql.identifier(about.schema) .. "." .. sql.identifier(about.table)
  return attach.attach(conn, name, {
    ignore = about.ignore, keep = about.keep, notify = about.notify, unlogged = true,
    as_before = true, lock_timeout = lock_timeout,
  })
end

-- Forgets a table that is gone: whether it was remembered; or nil and an error.
local function forget(conn, name, err)
  if err.code ~= "no_table" then return nil, err end
  local rows, failed = conn:run("tables.forget", find.as_sql(name), name)
  if not rows then return nil, failed end
  return #rows > 0 and true or nil, err
end

--- Takes the triggers away. (`forgelog.tables.unwatch`)
function attach.detach(conn, name)
  local found, err = find.table(conn, "unwatch", name)
  if not found then
    local forgotten
    forgotten, err = forget(conn, name, err)
    if not forgotten then return nil, err end
    return true, true
  end
  local there
  there, err = triggers.find(conn, found)
  if not there then return nil, err end
  if #there.own == 0 then return true, false end
  local statements = {}
  for _, row in ipairs(there.own) do triggers.add_drop(statements, row) end
  for _, row in ipairs(there.others) do
    if row.trigger == inspect.PARTITION_TRIGGER then triggers.add_drop(statements, row) end
  end
  add_unrecord(statements, found)
  statements[#statements + 1] = sql.fill("ddl.sweep",
    { schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid) })
  local ok
  ok, err = run(conn, found, statements, "unwatch as the owner of " .. found.name)
  if not ok then return nil, err end
  return true, true
end

return attach
