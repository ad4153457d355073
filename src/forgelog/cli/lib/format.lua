--- Changes as lines: text for people, JSON for programs, TSV for COPY.
-- @module forgelog.cli.lib.format
local core = require "forgelog.core"
local json = require "forgelog.cli.lib.json"
local terminal = require "forgelog.cli.lib.terminal"

local unpack = table.unpack or unpack -- luacheck: ignore 143
local COLORS = { INSERT = "green", UPDATE = "yellow", DELETE = "red", TRUNCATE = "magenta" }

-- Unix time as ISO 8601 with microseconds, in UTC.
local function iso(seconds)
  local whole = math.floor(seconds)
  local micros = math.floor((seconds - whole) * 1e6 + 0.5)
  if micros == 1000000 then whole, micros = whole + 1, 0 end
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%06dZ"):format(micros)
end

local function whole(number) return ("%d"):format(number) end

-- Lines of aligned columns, each as wide as the widest value that it has held so far.
local function as_text(paint)
  local widths = { 6, 8, 8 }
  local function column(i, value, color)
    widths[i] = math.max(widths[i], #value)
    local padding = (" "):rep(widths[i] - #value)
    return i == 1 and padding .. value or (color and paint(color, value) or value) .. padding
  end
  return function(change)
    local time = os.date("%Y-%m-%d %H:%M:%S", math.floor(change.created_at))
    local rest = terminal.safe(change.row_id or "")
    if change.changed_cols then
      rest = rest .. "  " .. paint("dim", "(" .. terminal.safe(change.changed_cols) .. ")")
    end
    local line = ("%s  %s  %s  %s  %s"):format(column(1, whole(change.seq)), paint("dim", time),
      column(2, terminal.safe(change.op), COLORS[change.op]),
      column(3, terminal.safe(change.table_name)), rest)
    return (line:gsub("%s+$", "")) .. "\n"
  end
end

-- Lines of all fields of a change, in the order of the list that the core has of them. format: of
-- such a line, for string.format; write: a function from a field's value to what takes its place
-- there, by the field's name; text: that function for every other field, which holds a string or
-- nil.
local function of_fields(format, write, text)
  local fields, writers, values = core.fields, {}, {}
  for i, name in ipairs(fields) do writers[i] = write[name] or text end
  return function(change)
    for i = 1, #fields do values[i] = writers[i](change[fields[i]]) end
    return format:format(unpack(values, 1, #fields))
  end
end

-- Builds a format of the parts that part(name) returns, one for each field.
local function format_of(part, separator)
  local parts = {}
  for i, name in ipairs(core.fields) do parts[i] = part(name) end
  return table.concat(parts, separator)
end

local function unchanged(value) return value end

local function as_json()
  local numbers = { seq = "%d", created_at = "%.6f" }
  local members = format_of(function(name)
    return json.encode(name) .. ":" .. (numbers[name] or "%s")
  end, ",")
  return of_fields("{" .. members .. "}\n", { seq = unchanged, created_at = unchanged },
    function(value) return value and json.encode(value) or "null" end)
end

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

-- As COPY reads it.
local function as_tsv()
  local format = format_of(function(name) return name == "seq" and "%d" or "%s" end, "\t")
  return of_fields(format .. "\n", { seq = unchanged, created_at = iso },
    function(value) return value and value:gsub("[\\\t\n\r]", ESCAPES) or "\\N" end)
end

local makers = { text = as_text, json = as_json, tsv = as_tsv }

--- Makes the function that turns a change into a line.
-- @string kind "text", "json" or "tsv"
-- @func paint of `forgelog.cli.lib.terminal`
return function(kind, paint) return makers[kind](paint) end
