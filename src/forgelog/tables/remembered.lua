--- Tables that were watched and are captured no longer, or were not for a while: what was watched
-- stands in a table of the log's schema, with the triggers as they were then.
-- @module forgelog.tables.remembered
local remembered = {}

-- For each code what is wrong, over a row of sql/tables/remembered.sql, and which command mends it.
local flaws = {
  dropped = { "%s was watched and is gone: nobody who follows it learns that its rows are gone",
    "unwatch" },
  recreated = { "%s was watched, dropped and made again: the new table is not captured", "watch" },
  swapped = { "%s was watched and is %s now: the table that has its name is not captured",
    "watch" },
  renamed = { "%s was watched and is %s now: its changes are logged under that name", "watch" },
  detached = { "%s was watched and has lost its triggers: its changes are not captured", "watch" },
  switched = { "triggers of %s were switched or made anew since it was watched (pg_upgrade makes "
    .. "them anew, too): changes while they were off were missed", "watch" },
}

-- Which of these a row is; nil where nothing is wrong.
local function code_of(row)
  if row.dropped then
    if row.other_watched then return nil end
    return row.other and "recreated" or "dropped"
  elseif row.name_now ~= row.name then
    if row.other_watched then return nil end
    return row.other and "swapped" or "renamed"
  elseif not row.triggers_now then
    return not row.covered and "detached" or nil
  end
  return row.triggers_now ~= row.triggers and not row.always and "switched" or nil
end

--- The tables that were watched and of which changes are or were missed.
-- @param conn the connection
-- @return a list sorted by name of tables with `name`, `code` ("dropped", "recreated", "swapped",
-- "renamed", "detached", "switched"), `wrong` (that in words), `remedy` ("watch" or "unwatch") and
-- `table` (what to call it there);
-- empty where nothing is remembered; or nil and an error
function remembered.lost(conn)
  local home, err = conn:schema_name()
  if not home then return nil, err end
  local rows
  rows, err = conn:run_in(home, "tables.remembers")
  if rows and not rows[1].there then return {} end
  if rows then rows, err = conn:run_in(home, "tables.remembered") end
  if not rows then return nil, err end
  local list = {}
  for _, row in ipairs(rows) do
    local code = code_of(row)
    if code then
      local words, remedy = flaws[code][1], flaws[code][2]
      list[#list + 1] = { name = row.name, code = code, remedy = remedy,
        table = code == "renamed" and row.name_now or row.name,
        wrong = words:format(row.name, row.name_now) }
    end
  end
  return list
end

return remembered
