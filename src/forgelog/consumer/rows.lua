--- The names of a consumer's rows in the table of consumers: its own, and NAME#I/N for each lane.
-- @module forgelog.consumer.rows

local rows = {
  MOST = 1024, -- how many lanes a consumer may have
}

--- The consumer to which a row belongs.
-- @string name of the row
-- @treturn string the name of the consumer
-- @treturn ?int which lane the row is; nil: it is the consumer's own
-- @treturn ?int of how many; a name that says more than `MOST` is a consumer's own
function rows.split(name)
  local consumer, lane, count = name:match("^(.+)#(%d+)/(%d+)$")
  lane, count = tonumber(lane), tonumber(count)
  if not consumer or lane < 1 or lane > count or count > rows.MOST then return name end
  return consumer, lane, count
end

--- The name of a lane's row.
-- @string consumer its name
-- @int lane which one
-- @int count of how many
-- @treturn string
function rows.of_lane(consumer, lane, count) return ("%s#%d/%d"):format(consumer, lane, count) end

--- Sorts rows by their names, each consumer's lanes by their numbers.
-- @tparam table list of rows with a `name`
function rows.sort(list)
  local places = {}
  for _, row in ipairs(list) do places[row] = { rows.split(row.name) } end
  table.sort(list, function(a, b)
    local one, other = places[a], places[b]
    if one[1] ~= other[1] then return one[1] < other[1] end
    if one[3] ~= other[3] then return (one[3] or 0) < (other[3] or 0) end
    return (one[2] or 0) < (other[2] or 0)
  end)
end

return rows
