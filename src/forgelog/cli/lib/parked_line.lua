--- Parked changes as lines: text for people, JSON for programs, TSV for COPY.
-- @module forgelog.cli.lib.parked_line
local fields = require "forgelog.cli.lib.fields"
local json = require "forgelog.cli.lib.json"
local make_line = require "forgelog.cli.lib.format"
local parked = require "forgelog.consumer.parked"
local terminal = require "forgelog.cli.lib.terminal"

local TEXT = "%8s  %-19s  %-8s  %-20s  %-12s  %8s  %s"

local function reason(entry, paint)
  if entry.waits then return paint("dim", "waits for the one before it") end
  local text = terminal.safe((entry.error or ""):gsub("%s*\n%s*", "; "))
  return (entry.retry and paint("yellow", "is tried again; ") or "") .. text
end

local function as_text(paint)
  local head = TEXT:format("seq", "parked", "op", "table", "row", "attempts", "error")
  return function(entry)
    local change = entry.change
    local line = TEXT:format(parked.label(entry.seq),
      os.date("%Y-%m-%d %H:%M:%S", math.floor(entry.parked_at)), terminal.safe(change.op),
      terminal.safe(change.table_name), terminal.safe(change.row_id or ""), entry.attempts,
      reason(entry, paint))
    return (line:gsub("%s+$", "")) .. "\n"
  end, paint("bold", head) .. "\n"
end

-- The change as drain prints it, and then what is known of its parking.
local function as_json()
  local line = make_line("json")
  return function(entry)
    local change = entry.change
    change.seq = entry.seq
    local about = json.encode({ attempts = entry.attempts, waits = entry.waits,
      retry = entry.retry, parked_at = entry.parked_at, error = entry.error })
    return line(change):gsub("}\n$", ",") .. about:sub(2) .. "\n"
  end, ""
end

local function as_tsv()
  return function(entry)
    local change = entry.change
    return table.concat({ parked.label(entry.seq), fields.tsv_text(change.table_name),
      fields.tsv_text(change.op), fields.tsv_text(change.row_id), ("%d"):format(entry.attempts),
      fields.iso(entry.parked_at), fields.tsv_text(entry.error), entry.waits and "t" or "f" },
      "\t") .. "\n"
  end, ""
end

local makers = { text = as_text, json = as_json, tsv = as_tsv }

--- Makes the function that turns an entry of `consumer.parked` into a line.
-- @string kind "text", "json" or "tsv"
-- @func paint of `forgelog.cli.lib.terminal`
-- @return the function, and a line that comes before the first
return function(kind, paint) return makers[kind](paint) end
