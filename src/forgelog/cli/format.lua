--- Changes as lines: text for people, JSON for programs, TSV for COPY.
-- @module forgelog.cli.format
local json = require "forgelog.cli.json"
local terminal = require "forgelog.cli.terminal"

local COLORS = { INSERT = "green", UPDATE = "yellow", DELETE = "red", TRUNCATE = "magenta" }

-- Unix time as ISO 8601 with microseconds, in UTC.
local function iso(seconds)
  local whole = math.floor(seconds)
  local micros = math.floor((seconds - whole) * 1e6 + 0.5)
  if micros == 1000000 then whole, micros = whole + 1, 0 end
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%06dZ"):format(micros)
end

-- Aligned, each column as wide as what it has held.
local function text(paint)
  local widths = { 6, 8, 8 }
  local function column(i, value, color)
    widths[i] = math.max(widths[i], #value)
    local padding = (" "):rep(widths[i] - #value)
    return i == 1 and padding .. value or (color and paint(color, value) or value) .. padding
  end
  return function(change)
    local time = os.date("%Y-%m-%d %H:%M:%S", math.floor(change.created_at))
    local rest = terminal.safe(change.row_id or "")
    if change.changed_cols then rest = rest .. "  " .. paint("dim", "(" .. terminal.safe(change.changed_cols) .. ")") end
    local line = ("%s  %s  %s  %s  %s"):format(column(1, ("%d"):format(change.seq)), paint("dim", time),
      column(2, terminal.safe(change.op), COLORS[change.op]), column(3, terminal.safe(change.table_name)), rest)
    return (line:gsub("%s+$", "")) .. "\n"
  end
end

local function as_json(change)
  local function string(value) return value and json.encode(value) or "null" end
  return ('{"seq":%d,"table_name":%s,"op":%s,"row_id":%s,"changed_cols":%s,"created_at":%.6f}\n'):format(change.seq,
    string(change.table_name), string(change.op), string(change.row_id), string(change.changed_cols), change.created_at)
end

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

-- As COPY reads it.
local function tsv(change)
  local function field(value) return value and value:gsub("[\\\t\n\r]", ESCAPES) or "\\N" end
  return ("%d\t%s\t%s\t%s\t%s\t%s\n"):format(change.seq, field(change.table_name), field(change.op), field(change.row_id),
    field(change.changed_cols), iso(change.created_at))
end

--- A function that makes a line of a change.
-- @string kind "text", "json" or "tsv"
-- @func paint of `forgelog.cli.terminal`
return function(kind, paint)
  if kind == "json" then return as_json end
  if kind == "tsv" then return tsv end
  return text(paint)
end
