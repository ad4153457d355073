--- What definitions are made of: comments, types, and functions, as LDoc has parsed them. A part of
-- luacats.lua.
local words = {
  where = "", -- what is being written, for errors
  used = {}, -- by the name of a type: what has used it
}

local ERROR = "forgelog.Error"
local WIDTH = 98 -- columns of a comment, before its dashes

-- LDoc's short names of types.
local SHORT = { int = "integer", bool = "boolean", func = "function", tab = "table" }

--- Raises a message about what is being written.
function words.fail(message, ...)
  error(("%s: " .. message):format(words.where, ...), 0)
end

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

-- ---- text ----

--- A text as one line.
local function one_line(text) return trim((text or ""):gsub("%s+", " ")) end

--- Adds the lines of a comment, as they were.
function words.comment(lines, ...)
  local text = ""
  for _, part in ipairs({ ... }) do text = text .. (part or "") end
  for line in (trim(text) .. "\n"):gmatch("[ \t]?(.-)[ \t]*\n") do
    lines[#lines + 1] = "---" .. line
  end
end

--- Adds a comment of one paragraph.
function words.paragraph(lines, text)
  local line = ""
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > WIDTH then
      lines[#lines + 1], line = "---" .. line, ""
    end
    line = line == "" and word or line .. " " .. word
  end
  if line ~= "" then lines[#lines + 1] = "---" .. line end
end

-- ---- types ----

-- The parts of a type that bars separate.
local function alternatives(text)
  if text:find("^fun%(") then return { text } end -- what is behind a bar there is its result
  local list, from, depth = {}, 1, 0
  for at = 1, #text do
    local char = text:sub(at, at)
    if char:find("[({]") then depth = depth + 1 end
    if char:find("[)}]") then depth = depth - 1 end
    if char == "|" and depth == 0 then
      list[#list + 1], from = text:sub(from, at - 1), at + 1
    end
  end
  list[#list + 1] = text:sub(from)
  return list
end

-- The types that the modifiers of a parameter, a field or a result name.
local function type_of(modifiers, name)
  local text = modifiers and modifiers.type
  if not text or text == "" then words.fail("%s has no type", name) end
  local list = alternatives(text)
  for i, one in ipairs(list) do list[i] = SHORT[one] or one end
  for name_of_type in text:gmatch("forgelog[%w_.]*") do words.used[name_of_type] = words.where end
  return list
end

-- One type for several; nil last, as a question mark where there is but one other.
local function union(list)
  local seen, parts, optional = {}, {}, false
  for _, one in ipairs(list) do
    if one == "nil" then
      optional = true
    elseif not seen[one] then
      seen[one] = true
      parts[#parts + 1] = one:find("^fun%(") and #list > 1 and "(" .. one .. ")" or one
    end
  end
  if #parts == 0 then return "nil" end
  local text = table.concat(parts, "|")
  if not optional or text == "any" then return text end
  return #parts == 1 and text .. "?" or text .. "|nil"
end

-- ---- functions ----

-- The parameters of an item: `name`, `type`, `optional`, `text`.
local function parameters(item)
  local list = {}
  for _, name in ipairs(item.params or {}) do
    if item.subparams[name] then words.fail("fields of %s: describe them as a table", name) end
    local modifiers = item.modifiers[item.parameter][name] or {}
    local default = modifiers.opt
    local text = one_line(item.params.map[name])
    if type(default) == "string" then
      text = trim(("%s (default: %s)"):format(text, default))
    end
    list[#list + 1] = {
      name = name, type = union(type_of(modifiers, name)), optional = default ~= nil, text = text,
    }
  end
  return list
end

-- The result at a place in each of the groups that have one: types and texts.
local function gather(groups, place)
  local types, texts, missing = {}, {}, false
  for _, group in ipairs(groups) do
    local result = group[place]
    if result then
      for _, one in ipairs(type_of(result, "result " .. place)) do types[#types + 1] = one end
      local text = one_line(result.text)
      if texts[1] and result.type == ERROR then text = trim("an error: " .. text):gsub(":$", "") end
      if text ~= "" then texts[#texts + 1] = text end
    else
      missing = true
    end
  end
  -- An editor does not know that the error is there where the value is nil: it would warn wherever
  -- that is used.
  if missing and not (#types == 1 and types[1] == ERROR) then types[#types + 1] = "nil" end
  return types, texts
end

-- The results of a function by their place: `type`, `text`. There are groups of them, such as a
-- value alone, and nil and an error; a result that a group has not may be nil.
local function results(item)
  local list, groups, most = {}, item.retgroups or {}, 0
  for _, group in ipairs(groups) do most = math.max(most, #group) end
  for place = 1, most do
    local types, texts = gather(groups, place)
    list[place] = { type = union(types), text = table.concat(texts, "; or ") }
  end
  return list
end

--- A function as a type.
function words.signature(item)
  local given, returned = {}, {}
  for i, one in ipairs(parameters(item)) do
    given[i] = ("%s%s: %s"):format(one.name, one.optional and "?" or "", one.type)
  end
  for i, one in ipairs(results(item)) do returned[i] = one.type end
  local text = "fun(" .. table.concat(given, ", ") .. ")"
  return #returned > 0 and text .. ": " .. table.concat(returned, ", ") or text
end

--- Adds a function: an item of LDoc, its name, the item whose parameters and results it has, where
-- that is another one, and whether it is a local function.
function words.write(lines, item, name, of, is_local)
  of = of or item
  words.comment(lines, of.summary, of.description)
  local names, is_method = {}, name:find(":", 1, true)
  for i, one in ipairs(parameters(of)) do
    -- A method has the connection of its log.
    if not (of ~= item and is_method and i == 1 and one.name == "conn") then
      names[#names + 1] = one.name
      lines[#lines + 1] = trim(("---@param %s%s %s %s"):format(one.name,
        one.optional and "?" or "", one.type, one.text))
    end
  end
  for _, one in ipairs(results(of)) do
    lines[#lines + 1] = one.text == "" and "---@return " .. one.type
      or ("---@return %s # %s"):format(one.type, one.text)
  end
  lines[#lines + 1] = ("%sfunction %s(%s) end"):format(is_local and "local " or "", name,
    table.concat(names, ", "))
  lines[#lines + 1] = ""
end

words.one_line, words.union, words.type_of = one_line, union, type_of
words.parameters = parameters

return words
