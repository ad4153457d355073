--- Writes the definitions that editors read (LuaCATS), one file for each public module, from the
-- doc comments as LDoc has parsed them: `ldoc --filter luacats.write`, into the folder of the
-- environment variable TYPES. What LDoc leaves to its reader is an error here: a parameter without
-- a type, or the name of a type that is described nowhere.
local words = require "luacats.words"

local luacats = {}

-- ---- tables ----

-- What a tag of ours names, between backticks, in each of its lines.
local function named(tags, tag)
  local list = {}
  for _, text in ipairs(tags and tags[tag] or {}) do
    list[#list + 1] = text:match("`([%w_.:]+)`") or words.fail("@%s names nothing", tag)
  end
  return list
end

local function class(lines, name, parents)
  local of = #parents > 0 and ": " .. table.concat(parents, ", ") or ""
  for _, parent in ipairs(parents) do words.used[parent] = words.where end
  lines[#lines + 1] = "---@class " .. name .. of
end

local function field(lines, name, of_type, optional, text)
  words.paragraph(lines, text)
  lines[#lines + 1] = ("---@field %s%s %s"):format(name, optional and "?" or "", of_type)
end

local function write_choice(lines, item, name)
  words.comment(lines, item.summary, item.description)
  lines[#lines + 1] = "---@alias " .. name
  for _, value in ipairs(item.params) do
    local modifiers = item.modifiers.field[value] or {}
    local of_type, text = ('"%s"'):format(value), words.one_line(item.params.map[value])
    if modifiers.type then
      of_type, text = words.union(words.type_of(modifiers, value)), value .. ": " .. text
    end
    lines[#lines + 1] = ("---| %s # %s"):format(of_type, text)
  end
  lines[#lines + 1] = ""
end

-- A table, and the functions that are its fields ("Store.load") or its methods ("Log:drain").
local function write_table(lines, module, item)
  local name = module.name .. "." .. item.name
  words.where = name
  words.comment(lines, item.summary, item.description)
  class(lines, name, named(item.tags, "extends"))
  for _, one in ipairs(words.parameters(item)) do
    field(lines, one.name, one.type, one.optional, one.text)
  end
  local methods = {}
  for _, other in ipairs(module.items) do
    local owner, separator, last = other.name:match("^(%w+)([.:])([%w_]+)$")
    if owner == item.name and other.type == "function" then
      words.where = module.name .. "." .. other.name
      other.written = last == "__call" or separator == "."
      if last == "__call" then
        lines[#lines + 1] = "---@overload " .. words.signature(other)
      elseif separator == "." then
        field(lines, last, words.signature(other), other.tags.optional,
          words.one_line(other.summary .. " " .. (other.description or "")))
      else
        methods[#methods + 1] = other
      end
    end
  end
  if #methods > 0 then lines[#lines + 1] = ("local %s = {}"):format(item.name) end
  lines[#lines + 1] = ""
  return methods
end

-- ---- modules ----

local modules, known = {}, {} -- by name; the types that are described

-- The item that a name such as "forgelog.install.install" means.
local function item_named(name)
  local module, last = name:match("^(.*)%.([%w_]+)$")
  for _, item in ipairs(modules[module] and modules[module].items or {}) do
    if item.name == last then return item end
  end
  words.fail("there is no %s", name)
end

local function same_as(item)
  local name = named(item.tags, "as")[1]
  return name and item_named(name)
end

local function write_functions(lines, module, list, prefix)
  for _, item in ipairs(list) do
    words.where = module.name .. "." .. item.name
    if not item.written then words.write(lines, item, prefix .. item.name, same_as(item)) end
    item.written = true
  end
end

local function of_type(module, wanted)
  local list = {}
  for _, item in ipairs(module.items) do
    if item.type == wanted then list[#list + 1] = item end
  end
  return list
end

-- Whether a module is a function, and no table.
local function is_function(module)
  local file = assert(io.open(module.file))
  local text = file:read("*a")
  file:close()
  return text:find("\nreturn function(", 1, true) ~= nil
end

local function write_module(module)
  local short = module.name:match("%w+$")
  local lines = { "---@meta " .. module.name, "" }
  for _, item in ipairs(of_type(module, "choice")) do
    words.where = module.name .. "." .. item.name
    write_choice(lines, item, words.where)
  end
  local methods = {}
  for _, item in ipairs(of_type(module, "table")) do
    for _, method in ipairs(write_table(lines, module, item)) do methods[#methods + 1] = method end
  end
  write_functions(lines, module, methods, "")
  words.where = module.name
  if is_function(module) then
    local item = item_named(module.name .. "." .. short)
    words.write(lines, item, short, same_as(item), true)
    item.written = true
  else
    words.comment(lines, module.summary, module.description)
    class(lines, module.name, named(module.tags, "extends"))
    for _, item in ipairs(of_type(module, "field")) do
      words.where = module.name .. "." .. item.name
      local types = words.type_of(item.modifiers.field[item.name], item.name)
      field(lines, item.name, words.union(types), false,
        words.one_line(item.summary .. " " .. (item.description or "")))
    end
    lines[#lines + 1] = ("local %s = {}"):format(short)
    lines[#lines + 1] = ""
    write_functions(lines, module, of_type(module, "function"), short .. ".")
  end
  lines[#lines + 1] = "return " .. short
  for _, item in ipairs(of_type(module, "function")) do
    if not item.written then words.fail("%s belongs to no table", item.name) end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function note_names(module)
  known[module.name] = true
  for _, item in ipairs(module.items) do
    if item.type == "table" or item.type == "choice" then
      known[module.name .. "." .. item.name] = true
    end
  end
end

--- Writes them all.
-- @param list LDoc's modules
function luacats.write(list)
  local folder = assert(os.getenv("TYPES"), "TYPES names no folder")
  local texts = {}
  for _, module in ipairs(list) do modules[module.name] = module end
  for _, module in ipairs(list) do note_names(module) end
  for i, module in ipairs(list) do texts[i] = write_module(module) end
  for name, by in pairs(words.used) do
    words.where = by
    if not known[name] then words.fail("the type %s is described nowhere", name) end
  end
  for i, module in ipairs(list) do
    local name = ("%s/%s.lua"):format(folder, (module.name:gsub("%.", "/")))
    assert(os.execute("mkdir -p '" .. name:match("^.*/") .. "'"))
    local file = assert(io.open(name, "wb"))
    file:write(texts[i])
    file:close()
  end
end

return luacats
