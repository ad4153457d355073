--- A strict reader of Prometheus' text exposition format 0.0.4, as far as forgelog uses it: gauges
-- without timestamps.
-- @module support.exposition

local exposition = {}

local NAME = "[%a_:][%w_:]*"
local UNESCAPED = { ["\\\\"] = "\\", ["\\n"] = "\n", ['\\"'] = '"' }

-- Undoes escapes; raises at one that is not among `allowed`.
local function unescape(text, allowed)
  return (text:gsub("\\.?", function(escape)
    local known = #escape == 2 and allowed:find(escape:sub(2), 1, true)
    return known and UNESCAPED[escape] or error("a wrong escape in " .. text, 0)
  end))
end

-- The text of a label from just behind its opening quote, and where it ends.
local function quoted(text, from)
  local at = from
  while true do
    local char = text:sub(at, at)
    assert(char ~= "", "a label without end: " .. text)
    if char == '"' then return unescape(text:sub(from, at - 1), '\\n"'), at + 1 end
    at = at + (char == "\\" and 2 or 1)
  end
end

local function read_labels(text)
  local labels, at = {}, 1
  while at <= #text do
    local name, behind = text:match("^([%a_][%w_]*)=\"()", at)
    assert(name and not labels[name], "not a label, or one given twice: " .. text:sub(at))
    labels[name], at = quoted(text, behind)
    local separator = text:sub(at, at)
    local ends, goes_on = separator == "", separator == "," and at < #text
    assert(ends or goes_on, "more behind a label: " .. text:sub(at))
    at = at + 1
  end
  return labels
end

local function identity(name, labels)
  local parts = {}
  for label, text in pairs(labels) do parts[#parts + 1] = ("%s=%q"):format(label, text) end
  table.sort(parts)
  return name .. "{" .. table.concat(parts, ",") .. "}"
end

local read = {}

function read.HELP(self, name, text)
  assert(not self.families[name], "a family twice: " .. name)
  self.families[name] = { help = unescape(text, "\\n"), samples = {} }
  self.names[#self.names + 1], self.current = name, name
end

function read.TYPE(self, name, text)
  assert(self.current == name and not self.families[name].type, "TYPE out of place: " .. name)
  assert(text == "gauge", "the type " .. text)
  self.families[name].type = text
end

local function read_sample(self, line)
  local name, rest = line:match("^(" .. NAME .. ")(.*)$")
  assert(name and name == self.current and self.families[name].type,
    "a sample out of place: " .. line)
  local labels, value = rest:match("^{(.*)} (%S+)$")
  assert(value, "not a sample: " .. line)
  local plain, scientific = value:match("^%-?%d+%.?%d*$"), value:match("^%-?%d%.?%d*e[+-]%d+$")
  assert(plain or scientific, "not a number: " .. value)
  local sample = { labels = read_labels(labels), text = value, value = tonumber(value) }
  local id = identity(name, sample.labels)
  assert(not self.seen[id], "a sample twice: " .. id)
  self.seen[id] = sample
  table.insert(self.families[name].samples, sample)
end

--- Reads a whole text; raises at the first thing that is wrong.
-- @return an object with the `names` of the families in their order, and `families` by name:
-- `help`, `type`, `samples` (each with `labels`, `text` and `value`)
function exposition.parse(text)
  local self = setmetatable({ names = {}, families = {}, seen = {} }, { __index = exposition })
  assert(text == "" or text:sub(-1) == "\n", "the last line has no end")
  for line in text:gmatch("([^\n]*)\n") do
    local word, name, rest = line:match("^# (%u+) (" .. NAME .. ") (.+)$")
    if word then
      assert(read[word], "not HELP or TYPE: " .. line)(self, name, rest)
    else
      read_sample(self, line)
    end
  end
  for _, name in ipairs(self.names) do
    assert(#self.families[name].samples > 0, "a family without samples: " .. name)
  end
  return self
end

--- The sample of a family with these labels, and perhaps others; nil where there is none. Raises
-- where there are several.
function exposition:sample(name, labels)
  local found
  for _, sample in ipairs((self.families[name] or { samples = {} }).samples) do
    local fits = true
    for label, text in pairs(labels or {}) do fits = fits and sample.labels[label] == text end
    if fits then
      assert(not found, "several samples of " .. name)
      found = sample
    end
  end
  return found
end

--- The value of that sample.
function exposition:value(name, labels)
  local sample = self:sample(name, labels)
  return sample and sample.value
end

return exposition
