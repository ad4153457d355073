--- Making the functions of watched tables anew: where they are of an older program, or the table
-- was altered since, its changes are logged all the same, but slower.
-- @module forgelog.tables.renew
local attach = require "forgelog.tables.attach"
local compile = require "forgelog.tables.compile"
local inspect = require "forgelog.tables.inspect"
local script = require "forgelog.install.script"
local uncompiled = require "forgelog.connection.uncompiled"

local renew = {}

local HINT = "the function forge_notify_change is made by the role that installs"

-- The tables for which there is something to do, by schema and name; or nil and an error.
local function find_stale(conn, home)
  local rows, err = uncompiled(conn):run_in(home, "tables.stale", nil)
  if not rows then return nil, err end
  local stale = {}
  for _, row in ipairs(rows) do stale[row.schema .. "\0" .. row.table] = true end
  return stale
end

-- The same for the function that serves all tables to which somebody has attached it by hand: 1
-- where it was made anew, 0 where it need not be; or nil and an error.
local function renew_by_hand(conn, home)
  local rows, err = uncompiled(conn):run_in(home, "tables.by_hand")
  if not rows then return nil, err end
  local stale = false
  for _, row in ipairs(rows) do stale = stale or not row.fresh end
  if not stale then return 0 end
  local text, ok
  text, err = compile.by_hand(conn, home, rows)
  if text then ok, err = script.run(conn, text, { name = "the log", oid = 0, hint = HINT }) end
  return ok and 1, err
end

--- Makes them anew, table by table.
-- @param conn the connection
-- @string home name of the log's schema
-- @number[opt] lock_timeout seconds to wait for a table at a time
-- @return for how many tables it was done, and a list of errors of the others; or nil and an error
function renew.all(conn, home, lock_timeout)
  local renewed, err = renew_by_hand(conn, home)
  if not renewed then return nil, err end
  local stale
  stale, err = find_stale(conn, home)
  if not stale then return nil, err end
  local left = {}
  if not next(stale) then return renewed, left end
  local list
  list, err = inspect.list(conn)
  if not list then return nil, err end
  for _, about in ipairs(list) do
    if stale[about.schema .. "\0" .. about.table] then
      local ok, changed = attach.renew(conn, about, lock_timeout)
      if not ok then left[#left + 1] = changed end
      if ok and changed then renewed = renewed + 1 end
    end
  end
  return renewed, left
end

--- The same by a role that is at work anyhow, if it may, and nothing that it has to report.
-- @param conn the connection, not inside a transaction
function renew.in_passing(conn)
  local home = conn:schema_name()
  local rows = home and conn:run_in(home, "tables.may_compile")
  if rows and rows[1].may_compile then renew.all(conn, home) end
end

return renew
