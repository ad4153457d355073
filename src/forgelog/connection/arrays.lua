--- Arrays of texts as PostgreSQL writes and reads them: `{one,"two words",NULL}`.
-- @module forgelog.connection.arrays

local arrays = {}

--- Texts as an array.
-- @tparam ?table values a list of texts or numbers, with false for NULL; nil: there is no array
-- @return its text; nil for nil
function arrays.write(values)
  if not values then return nil end
  local elements = {}
  for i, value in ipairs(values) do
    elements[i] = value and '"' .. tostring(value):gsub('[\\"]', "\\%0") .. '"' or "NULL"
  end
  return "{" .. table.concat(elements, ",") .. "}"
end

-- The element that begins there, and where the next one does.
local function element(text, at)
  if text:sub(at, at) ~= '"' then
    local word, behind = text:match("^([^,}]*)[,}]()", at)
    return word ~= "NULL" and word, behind
  end
  local from = at + 1
  local stop = from
  while text:sub(stop, stop) ~= '"' do
    stop = text:find('[\\"]', stop)
    if text:sub(stop, stop) == "\\" then stop = stop + 2 end
  end
  return text:sub(from, stop - 1):gsub("\\(.)", "%1"), stop + 2
end

--- The texts of an array of one dimension.
-- @tparam ?string text as the server sent it; nil: NULL
-- @return a list, with false for NULL; nil for nil
function arrays.read(text)
  if not text then return nil end
  local values, at = {}, 2
  while at < #text do
    local value, behind = element(text, at)
    values[#values + 1], at = value, behind
  end
  return values
end

return arrays
