--- A session that writes at random: transactions, savepoints, settings; and what it left behind is
-- held against the model when it commits.
-- @module support.property.session
local ddl = require "support.property.ddl"
local dml = require "support.property.dml"
local make = require "support.property.make"
local shadow = require "support.property.shadow"

local session = {}
session.__index = session

local SETTINGS = {
  TimeZone = { "UTC", "America/St_Johns", "Asia/Kathmandu" },
  DateStyle = { "ISO, DMY", "SQL, MDY", "German", "Postgres, DMY" },
  IntervalStyle = { "postgres", "sql_standard", "iso_8601", "postgres_verbose" },
  bytea_output = { "hex", "escape" },
  extra_float_digits = { "-5", "0", "3" },
  standard_conforming_strings = { "on", "off" },
  search_path = { "''", "s2, public", "pg_temp, s2", "pg_catalog", "public" },
  ["forgelog.context"] = { "''", "'request 7, \"x\"'" },
  plan_cache_mode = { "auto", "force_generic_plan", "force_custom_plan" },
  row_security = { "on" }, lc_monetary = { "'C'" }, xmloption = { "content", "document" },
}
local SETTING_NAMES = {}
for name in pairs(SETTINGS) do SETTING_NAMES[#SETTING_NAMES + 1] = name end
table.sort(SETTING_NAMES)

local ISOLATION = { "READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE" }

--- A session of a world.
function session.new(world, name, log)
  local self = setmetatable({ world = world, name = name, log = log, r = world.r }, session)
  self:must("SET client_min_messages = error; SET lock_timeout = '10ms'")
  return self
end

function session:query(sql)
  local rows, err = self.log:query(sql)
  table.insert(self.world.journal, ("%s: %s;%s"):format(self.name, sql,
    rows and "" or "  -- " .. tostring(err):sub(1, 200)))
  return rows, err
end

function session:must(sql)
  local rows, err = self:query(sql)
  return rows or error(tostring(err) .. "\nin: " .. sql, 0)
end

-- A deferrable key is checked by a trigger too, which waits and fails as capture would.
local function is_deferrable(unit)
  for _, member in ipairs(unit.family) do
    if member.view.about.immediate == false then return true end
  end
end

-- Raises where a statement fails that does not without capture.
function session:blame(sql, err, unit)
  self.world.did.failed = self.world.did.failed + 1
  local why = err.sqlstate
  if why == "40001" or (why == "23505" or why == "55P03") and is_deferrable(unit) then return end
  -- A write to a partition asks for the key of the table above it, which may be locked.
  if why == "55P03" and unit.parts[1] then return end
  if not self.txn then self:must("BEGIN; SAVEPOINT spec_try") end
  self:must("SET LOCAL session_replication_role = replica")
  local rows = self:query(sql)
  self:must(self.txn and "ROLLBACK TO SAVEPOINT spec_try" or "ROLLBACK")
  if rows then error("a statement fails that does not without capture: " .. tostring(err), 0) end
end

-- Runs a statement: its rows; or nil, and all is as before.
function session:try(sql, unit, may_fail)
  if not self.txn then
    local rows, err = self:query(sql)
    if not rows and not may_fail then self:blame(sql, err, unit) end
    return rows
  end
  self:must("SAVEPOINT spec_try")
  local rows, err = self:query(sql)
  if not rows then
    self:must("ROLLBACK TO SAVEPOINT spec_try")
    if not may_fail then self:blame(sql, err, unit) end
  end
  self:must("RELEASE SAVEPOINT spec_try")
  return rows
end

-- What the tables of a family hold as this session sees it; nil where the other one has locked
-- them.
function session:look(family)
  self:must("SAVEPOINT spec_look")
  local views = {}
  local ok, err = pcall(function()
    for i, unit in ipairs(family) do views[i] = shadow.view(self.log, unit) end
  end)
  if not ok then
    if not err:find("lock timeout", 1, true) then error(err, 0) end
    self:must("ROLLBACK TO SAVEPOINT spec_look")
  end
  self:must("RELEASE SAVEPOINT spec_look")
  return ok and views or nil
end

-- ---- transactions ----

function session:begin()
  local isolation = self.r:pick(ISOLATION)
  self:must("BEGIN ISOLATION LEVEL " .. isolation)
  if self.r:chance(30) then self:must("SET LOCAL forgelog.context = 'of this transaction'") end
  if isolation ~= "READ COMMITTED" and self.r:chance(70) then self:must("SELECT 1") end
  self.txn = { statements = {}, floor = self.world:newest(), stack = {}, logged = {},
    altered = {} }
  self.inner = isolation == "READ COMMITTED" and self.r:chance(50)
end

local function options(world)
  local list = {}
  for _, unit in ipairs(world.units) do list[unit] = { unit.keep, unit.ignore } end
  return list
end

function session:savepoint()
  local txn = self.txn
  local name = "s" .. #txn.stack + 1
  self:must("SAVEPOINT " .. name)
  txn.stack[#txn.stack + 1] = { name = name, statements = #txn.statements, logged = #txn.logged,
    options = options(self.world) }
end

local function cut(list, length)
  for i = #list, length + 1, -1 do list[i] = nil end
end

-- Options of watch go with the transaction that set them.
function session:restore(saved)
  for unit in pairs(self.txn.watched or {}) do
    unit.keep, unit.ignore = saved[unit][1], saved[unit][2]
  end
end

function session:rollback_to()
  local stack = self.txn.stack
  if #stack == 0 then return self:savepoint() end
  local at = self.r:int(1, #stack)
  self:must("ROLLBACK TO SAVEPOINT " .. stack[at].name)
  cut(self.txn.statements, stack[at].statements)
  cut(self.txn.logged, stack[at].logged)
  self:restore(stack[at].options)
  cut(stack, at)
end

function session:finish(commit)
  local txn = self.txn
  local ok = self:query(commit and "COMMIT" or "ROLLBACK")
  if not ok and self.log:query("SELECT 1") == nil then self:must("ROLLBACK") end
  self.txn, self.was_inner, self.inner = nil, self.inner, nil
  if ok and commit then
    self.world:settle(self, txn, self.was_inner)
  else
    self.txn = txn
    if txn.saved then self:restore(txn.saved) end
    self.txn = nil
    if not ok then self.world.did.failed = self.world.did.failed + 1 end
    self.world.did.rolled_back = self.world.did.rolled_back + 1
  end
end

-- ---- steps ----

local function touched_of(statement, rows)
  if not statement.known then return nil end
  local set = {}
  for _, row in ipairs(rows) do if row.tag then set[row.tag] = true end end
  return set
end

-- What this transaction has logged since it was last asked.
function session:logged()
  local list, before = {}, {}
  for _, seq in ipairs(self.txn.logged) do before[seq] = true end
  for _, change in ipairs(shadow.changes(self.log, self.txn.floor, true)) do
    if not before[change.seq] then
      list[#list + 1] = change
      table.insert(self.txn.logged, change.seq)
    end
  end
  return list
end

-- A statement whose effect is held against its changes at once, inside its transaction.
function session:write_inside(unit)
  local before = self:look(unit.family)
  if not before then return end
  local own
  for i, member in ipairs(unit.family) do own = member == unit and before[i] or own end
  local statement = dml.statement(self.r, self.world, self, unit, own)
  local rows = self:try(statement.sql, unit)
  if not rows then return end
  local after = self:look(unit.family)
  self.txn.statements[#self.txn.statements + 1] = statement
  local by_table = self.world:by_table(self:logged())
  for i, member in ipairs(unit.family) do
    self.world:hold(before[i], after[i], by_table, touched_of(statement, rows),
      statement.truncates[member])
  end
  self.world:nothing_left(by_table)
end

--- Writes a table.
-- @param[opt] unit
function session:write(unit)
  unit = unit or self.r:pick(self.world.units)
  self.world.did.statements = self.world.did.statements + 1
  if self.inner then return self:write_inside(unit) end
  local statement = dml.statement(self.r, self.world, self, unit, unit.view)
  local floor = self.world:newest()
  local rows = self:try(statement.sql, unit)
  if not rows then return end
  statement.touched = touched_of(statement, rows)
  if self.txn then
    table.insert(self.txn.statements, statement)
  else
    self.world:settle(self, { statements = { statement }, floor = floor })
  end
end

-- What a session sees of a table now; nil where it cannot.
function session:about(unit)
  if not self.inner then return unit.view.about end
  local views = self:look({ unit })
  return views and views[1].about
end

function session:alter()
  local unit = self.r:pick(self.world.units)
  local about = self:about(unit)
  if not about then return end
  local sql = ddl.statement(self.r, self.world, self, about, unit)
  local floor = self.world:newest()
  if not self:try(sql, unit, true) then return end
  self.world.did.alters = self.world.did.alters + 1
  if self.txn then
    self.txn.altered[unit] = true
    self.world:nothing_left(self.world:by_table(self:logged()))
  else
    self.world:settle(self, { statements = {}, altered = { [unit] = true }, floor = floor })
  end
end

function session:watch()
  local unit = self.r:pick(self.world.units)
  local about = unit.kind ~= "hand" and self:about(unit)
  if not about then return end
  local opts = make.options(self.r, about)
  if self.txn then
    self:must("SAVEPOINT spec_try")
    self.txn.saved = self.txn.saved or options(self.world)
  end
  table.insert(self.world.journal, ("%s: watch %s keep {%s} ignore {%s}"):format(self.name,
    about.quoted, table.concat(opts.keep or {}, " | "), table.concat(opts.ignore or {}, " | ")))
  local ok, err = self.log:watch(about.quoted, opts)
  if ok then
    make.watched(unit, about, opts)
    self.world.did.watches = self.world.did.watches + 1
    if self.txn then
      self.txn.watched = self.txn.watched or {}
      self.txn.watched[unit], self.txn.altered[unit] = true, true
    end
  elseif err.code ~= "locked" and err.sqlstate ~= "55P03" then
    error("watch: " .. tostring(err), 0)
  elseif self.txn then
    self:must("ROLLBACK TO SAVEPOINT spec_try")
  end
  if self.txn then
    self:must("RELEASE SAVEPOINT spec_try")
  elseif ok then
    self.world:refresh(unit)
  end
end

function session:set()
  local name = self.r:pick(SETTING_NAMES)
  self:must(("SET %s = %s"):format(name, name == "search_path" and self.r:pick(SETTINGS[name])
    or name:find("context") and self.r:pick(SETTINGS[name])
    or name == "lc_monetary" and "'C'" or "'" .. self.r:pick(SETTINGS[name]) .. "'"))
end

local ALONE = { { "write", 50 }, { "begin", 22 }, { "alter", 14 }, { "watch", 4 }, { "set", 8 } }
local INSIDE = { { "write", 60 }, { "savepoint", 8 }, { "rollback_to", 5 }, { "commit", 20 },
  { "rollback", 4 } }
local INNER = { { "write", 55 }, { "savepoint", 8 }, { "rollback_to", 5 }, { "commit", 16 },
  { "rollback", 4 }, { "alter", 12 }, { "watch", 3 } }

--- Does something.
function session:step()
  local what = self.r:weighed(not self.txn and ALONE or self.inner and INNER or INSIDE)
  if what == "commit" or what == "rollback" then return self:finish(what == "commit") end
  return self[what](self)
end

return session
