--- The name among some that somebody may have meant who has written another one.
-- @module forgelog.tables.closest

-- What is compared: without the case of letters, and without quotes.
local function plain(name) return (name:lower():gsub('"', "")) end

-- In how many characters two texts differ: added, left out, or others.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local changed = diagonal + (a:byte(i) == b:byte(j) and 0 or 1)
      diagonal = row[j]
      row[j] = math.min(changed, row[j] + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

--- The closest name.
-- @string name as it was written
-- @tparam table rows each with a `name` that there is
-- @return the name; nil where none is close
-- @function closest
return function(name, rows)
  local written, best, least = plain(name), nil, math.min(3, math.floor(#name / 3) + 1)
  for _, row in ipairs(rows) do
    local there = plain(row.name)
    if there:match("[^.]*$") == written:match("[^.]*$") then return row.name end
    if math.abs(#there - #written) < least then
      local differs = distance(written, there)
      if differs < least then best, least = row.name, differs end
    end
  end
  return best
end
