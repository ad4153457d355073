--- The last word of the log on each key, held against the rows that there are after a number of
-- statements.
-- @module support.property.words
local forgelog = require "forgelog"

local words = {}

local function by_key(view)
  local list = {}
  for _, row in pairs(view.rows) do list[#view.about.key .. ":" .. row.key] = row end
  return list
end

-- The changes of each key, in their order, since the last TRUNCATE; whether there was one.
local function histories(changes)
  local list, truncated = {}, false
  for _, change in ipairs(changes) do
    if change.row_id then
      local key = forgelog.key(change)
      local text = #key .. ":" .. table.concat(key, "\1")
      list[text] = list[text] or {}
      table.insert(list[text], change)
    else
      list, truncated = {}, true
    end
  end
  return list, truncated
end

-- What is wrong with the history of a row that is there.
local function check_there(compare, view, was, is, history, truncated)
  local last = history and history[#history].op
  if last == "DELETE" then return "is there, and was deleted" end
  if truncated and not last then return was ~= is and "is there after a TRUNCATE" or nil end
  if not was then return not last and "is new, and not logged" or nil end
  if was.tag ~= is.tag then return not last and "is another row, and not logged" or nil end
  local _, names, counts = compare(view, was, is)
  if names[1] and counts and not last then return "has changed, and was not logged" end
  local seen = {}
  for _, change in ipairs(history or {}) do
    if change.op ~= "UPDATE" then return nil end
    seen[#seen + 1] = "," .. (change.changed_cols or "") .. ","
  end
  local all = table.concat(seen)
  for _, name in ipairs(last and not next(view.ignore) and names or {}) do
    if not all:find("," .. name .. ",", 1, true) then return "has changed in " .. name end
  end
end

--- Holds the last change of each key against what is there.
-- @func compare what differs between two versions of a row (see shadow)
-- @return nil where all is right; or what is wrong
function words.check(compare, before, after, changes)
  -- Where a key is checked at the end of a statement and each row is logged by itself, a key may be
  -- given to one row before it is taken from another.
  local by_row = after.unit.kind ~= "plain"
  if #after.about.key == 0 or after.about.immediate == false and by_row then return nil end
  local had, has = by_key(before), by_key(after)
  local list, truncated = histories(changes)
  for key, is in pairs(has) do
    local history = list[key]
    local wrong = check_there(compare, after, had[key], is, history, truncated)
    local last = history and history[#history]
    if not wrong and last and last.new ~= is.kept and not next(after.ignore) then
      wrong = "is kept as another value"
    end
    if wrong then return ("key %s %s"):format(key, wrong) end
  end
  for key in pairs(had) do
    if not has[key] and not truncated and not list[key] then
      return ("key %s is gone, and was not logged"):format(key)
    end
  end
  for key, history in pairs(list) do
    if not has[key] and history[#history].op ~= "DELETE" then
      return ("key %s is not there, and the last change is %s"):format(key, history[#history].op)
    end
  end
end

return words
