--- One round of the property test of capture: a database, its tables, two sessions that write at
-- random, and the comparison of what they did with what the log says.
-- @module support.property.world
local logs = require "support.logs"
local make = require "support.property.make"
local random = require "support.property.random"
local session = require "support.property.session"
local shadow = require "support.property.shadow"
local support = require "support"
local types = require "support.property.types"

local world = { must = logs.must }
world.__index = world

local NEWEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS seq "
  .. "FROM public.forge_change_log_seq_seq"

-- The database that each round gets a copy of.
local function template()
  return support.template("property: " .. types.PREPARE, function(conninfo)
    local log = logs.connect(conninfo)
    logs.must(log, types.PREPARE)
    log:query([[CREATE COLLATION public.spec_nocase (provider = icu, locale = 'und-u-ks-level2',
      deterministic = false)]])
    assert(log:install({ schema = "public" }))
    log:close()
  end)
end

local FIXED = "SET client_min_messages = warning; SET TimeZone = 'UTC'; SET lock_timeout = '50ms'"

-- The types that there are here, and the same by oid.
function world:find_types()
  self.types = types.list(function(sql) return (self.log:query(sql)) end)
  self.by_oid = {}
  for _, type in ipairs(self.types) do
    local oid = logs.must(self.log, ("SELECT '%s'::regtype::oid::int8 AS oid"):format(
      (type.cast:gsub("%(.*%)", ""):gsub("'", "''"))))[1].oid
    self.by_oid[oid] = self.by_oid[oid] or type
  end
end

--- A new one.
-- @int seed
-- @tparam table did counts, added to
function world.new(seed, did)
  local self = setmetatable({ r = random.new(seed), units = {}, number = 0, renames = 0, did = did,
    journal = {}, seen = {}, count = 0 }, world)
  self.db = support.database(nil, template())
  self.log = logs.connect(self.db, { schema = "public" })
  logs.must(self.log, FIXED)
  self.version = tonumber(logs.must(self.log, "SHOW server_version_num")[1].server_version_num)
  self:find_types()
  self.sessions = {}
  for i, name in ipairs({ "A", "B" }) do
    self.sessions[i] = session.new(self, name, logs.connect(self.db, { schema = "public" }))
  end
  return self
end

--- The highest seq that was given.
function world:newest() return logs.must(self.log, NEWEST)[1].seq end

--- Reads a table as it is committed.
-- @return its view; nil where the other session has locked it, with `unit.view` as it was
function world:refresh(unit)
  local ok, result = pcall(shadow.view, self.log, unit)
  if not ok and not result:find("lock timeout", 1, true) then error(result, 0) end
  if not ok then return nil end
  unit.view, unit.unread = result, nil
  return result
end

--- Changes by the name of their table.
function world:by_table(changes)
  local list = {}
  for _, change in ipairs(changes) do
    list[change.table_name] = list[change.table_name] or {}
    table.insert(list[change.table_name], change)
  end
  return list
end

--- Holds a table's changes against what happened to it.
-- @param single whether one statement did it all
function world:hold(before, after, by_table, touched, truncated, many)
  local name = after.about.logged
  local changes = by_table[name] or {}
  by_table[name] = nil
  self.did.compared = self.did.compared + #changes
  local wrong
  if many then
    wrong = shadow.check_words(before, after, changes)
  else
    wrong = shadow.check_statement(before, after, changes, touched, truncated)
  end
  if wrong then
    for _, change in ipairs(changes) do
      wrong = ("%s\n%d %s %s %s"):format(wrong, change.seq, change.op, change.row_id or "-",
        change.changed_cols or "-")
    end
    for other, list in pairs(by_table) do
      wrong = ("%s\n%d of %s"):format(wrong, #list, other)
    end
    error(("table %s:\n%s"):format(name, wrong:sub(1, 3000)), 0)
  end
end

--- Raises where changes are left that no table accounts for.
function world:nothing_left(by_table)
  for name, changes in pairs(by_table) do
    error(("%d changes are logged of %s, which was not written: %s"):format(#changes, name,
      changes[1].op), 0)
  end
end

-- The changes of one transaction, which has just committed.
function world:new_changes(floor)
  local list = {}
  for _, change in ipairs(shadow.changes(self.log, floor)) do
    if not self.seen[change.seq] then
      self.seen[change.seq], self.count = true, self.count + 1
      list[#list + 1] = change
      assert(change.txid == list[1].txid, "changes of two transactions")
      assert(change.context == list[1].context, "changes of two contexts")
    end
  end
  return list
end

-- The same for a table as it is committed. One of which a partition alone was written may be locked
-- by the other session: then it is read the next time, and compared from there on.
function world:hold_committed(unit, by_table, single, many, inner)
  local before, unread = unit.view, unit.unread
  local after = self:refresh(unit)
  if after and not unread and not inner then
    self:hold(before, after, by_table, single.touched, single.truncates[unit], many)
  else
    by_table[before.about.logged] = nil
    if not after then unit.unread = true end
  end
end

--- Holds what a transaction did against the log, after its commit.
function world:settle(_, txn, inner)
  self.did.commits = self.did.commits + 1
  local changes, single = self:new_changes(txn.floor), txn.statements[1]
  local many, done = #txn.statements ~= 1, {}
  local by_table = self:by_table(changes)
  for unit in pairs(txn.altered or {}) do
    for _, member in ipairs(unit.family) do
      -- What the other session has locked, this one has not altered.
      done[member] = true
      self:refresh(member)
    end
  end
  for _, statement in ipairs(txn.statements) do
    for _, unit in ipairs(statement.unit.family) do
      if not done[unit] then
        self:hold_committed(unit, by_table, single, many, inner)
        done[unit] = true
      end
    end
  end
  if not inner then return self:nothing_left(by_table) end
  assert(#changes == #txn.logged, ("%d changes are left of %d"):format(#changes, #txn.logged))
end

--- Plays: some tables, and so many steps.
function world:play(steps)
  for _ = 1, self.r:int(2, 4) do make.table(self.r, self) end
  for _, unit in ipairs(self.units) do
    for _ = 1, 3 do self.sessions[1]:write(unit) end
  end
  for _ = 1, steps do
    self.r:pick(self.sessions):step()
    if #self.units < 6 and self.r:chance(2) and not self.sessions[1].inner
      and not self.sessions[2].inner then
      make.table(self.r, self, "late")
    end
  end
  for _, each in ipairs(self.sessions) do
    if each.txn then each:finish(true) end
  end
  local drained = 0
  for _ in self.log:drain(0) do drained = drained + 1 end
  assert(drained == self.count, ("%d changes drained of %d"):format(drained, self.count))
end

--- The last things that the sessions did.
function world:story(count)
  local list = {}
  for i = math.max(1, #self.journal - count + 1), #self.journal do
    list[#list + 1] = self.journal[i]:sub(1, 1500)
  end
  return table.concat(list, "\n")
end

--- Closes all, and drops the database.
function world:close()
  for _, each in ipairs(self.sessions) do each.log:close() end
  self.log:close()
  support.drop(self.db)
end

return world
