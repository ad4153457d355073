--- The definitions for editors (types/) as specs read them: which modules, classes and words there
-- are, and whether a value is of a type.
-- @module support.luacats
local support = require "support"

local luacats = {}

local Definitions = {}
Definitions.__index = Definitions

-- What the lines of one file define, added to `self`.
local function add_file(self, text)
  local module, class, alias
  local locals = {} -- by the name of a local variable: the class that stands behind it
  for line in text:gmatch("([^\n]*)\n") do
    local tag, rest = line:match("^%-%-%-@(%l+) (.*)$")
    if tag == "meta" then
      module = { name = rest, functions = {}, is_function = false }
      self.modules[rest] = module
    elseif tag == "alias" then
      alias = {}
      self.aliases[rest] = alias
    elseif tag == "class" then
      local name, parents = rest:match("^([%w_.]+):? ?(.*)$")
      class = { name = name, fields = {}, methods = {}, parents = {} }
      for parent in parents:gmatch("[%w_.]+") do table.insert(class.parents, parent) end
      self.classes[name] = class
    elseif tag == "field" then
      local name, optional, of_type = rest:match("^([%w_]+)(%??) (.*)$")
      class.fields[name] = { type = of_type, optional = optional == "?" }
    elseif line:find("^%-%-%-|") then
      table.insert(alias, line:match("^%-%-%-| (.-) #"))
    elseif line:find("^local %w+ = {}$") then
      locals[line:match("^local (%w+)")] = class
    elseif line:find("^local function ") then
      module.is_function = true
    elseif line:find("^function ") then
      local owner, name = line:match("^function (%w+)[.:]([%w_]+)%(")
      if locals[owner].name == module.name then
        module.functions[name] = true
      else
        locals[owner].methods[name] = true
      end
    end
  end
end

--- Reads all definitions in a folder.
function luacats.read(folder)
  local self = setmetatable({ modules = {}, classes = {}, aliases = {} }, Definitions)
  local _, output = support.run("find '" .. folder .. "' -name '*.lua'")
  for name in output:gmatch("[^\n]+") do add_file(self, support.read(name)) end
  return self
end

--- The fields of a class, its parents' among them, by name.
function Definitions:fields(name)
  local class, all = assert(self.classes[name], "no class " .. name), {}
  for _, parent in ipairs(class.parents) do
    for field, about in pairs(self:fields(parent)) do all[field] = about end
  end
  for field, about in pairs(class.fields) do all[field] = about end
  return all
end

-- The parts of a type that bars separate outside of brackets.
local function alternatives(text)
  if text:find("^fun%(") then return { text } end
  local list, from, depth = {}, 1, 0
  for at = 1, #text + 1 do
    local char = text:sub(at, at)
    if char:find("[({]") then depth = depth + 1 end
    if char:find("[)}]") then depth = depth - 1 end
    if (char == "|" or char == "") and depth == 0 then
      list[#list + 1], from = text:sub(from, at - 1), at + 1
    end
  end
  return list
end

local PRIMITIVE = { string = true, boolean = true, table = true, ["nil"] = true, number = true,
  ["function"] = true, userdata = true }

local check

-- What is wrong with a table as a class: a list of sentences is added to.
local function check_class(self, value, name, at, wrong)
  if type(value) ~= "table" then
    wrong[#wrong + 1] = ("%s is no %s: %s"):format(at, name, tostring(value))
    return
  end
  local fields = self:fields(name)
  for key, inside in pairs(value) do
    local field = fields[key]
    if not field then
      wrong[#wrong + 1] = ("%s has %s, which %s has not"):format(at, tostring(key), name)
    else
      check(self, inside, field.type, at .. "." .. key, wrong)
    end
  end
  for key, field in pairs(fields) do
    local may_miss = field.optional or field.type == "any"
    if value[key] == nil and not may_miss then
      wrong[#wrong + 1] = ("%s has no %s"):format(at, key)
    end
  end
end

local function is_whole(value) return type(value) == "number" and value % 1 == 0 end

-- Whether a value is of one of the simple types; nil: it is none of these.
local function is_simple(value, text)
  if text == "any" then return true end
  if text == "integer" then return is_whole(value) end
  if text == "true" or text == "false" then return tostring(value) == text end
  if text:find('^".*"$') then return value == text:sub(2, -2) end
  if text:find("^fun%(") then return type(value) == "function" end
  if PRIMITIVE[text] then return type(value) == text end
end

-- Adds what is wrong with a value as one type without alternatives.
local function check_one(self, value, text, at, wrong)
  local list, by_name = text:match("^(.*)%[%]$"), text:match("^{%[string%]:(.*)}$")
  local simple = is_simple(value, text)
  if simple ~= nil then
    if not simple then
      wrong[#wrong + 1] = ("%s is no %s: %s"):format(at, text, tostring(value))
    end
  elseif list or by_name then
    if type(value) ~= "table" then wrong[#wrong + 1] = ("%s is no %s"):format(at, text) end
    for key, inside in pairs(type(value) == "table" and value or {}) do
      if list and type(key) ~= "number" then wrong[#wrong + 1] = at .. " is no list" end
      check(self, inside, list or by_name, ("%s[%s]"):format(at, tostring(key)), wrong)
    end
  elseif self.aliases[text] then
    check(self, value, table.concat(self.aliases[text], "|"), at, wrong)
  else
    check_class(self, value, text, at, wrong)
  end
end

function check(self, value, text, at, wrong)
  local least
  if text:find("%?$") then text = text:sub(1, -2) .. "|nil" end
  for _, one in ipairs(alternatives(text)) do
    local found = {}
    check_one(self, value, one, at, found)
    if #found == 0 then return end
    if not least or #found < #least then least = found end
  end
  for _, sentence in ipairs(least) do wrong[#wrong + 1] = sentence end
end

--- What is wrong with a value as one of a type, in sentences; empty where nothing is.
-- @param value any
-- @string name of the type
-- @treturn string
function Definitions:wrong(value, name)
  local wrong = {}
  check(self, value, name, "it", wrong)
  table.sort(wrong)
  return table.concat(wrong, "\n")
end

return luacats
