--- Single values as programs read them: times as ISO 8601, texts as in COPY's text format.
-- @module forgelog.cli.lib.fields

local fields = {}

--- Unix time as ISO 8601 with microseconds, in UTC.
function fields.iso(seconds)
  local whole = math.floor(seconds)
  local micros = math.floor((seconds - whole) * 1e6 + 0.5)
  if micros == 1000000 then whole, micros = whole + 1, 0 end
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%06dZ"):format(micros)
end

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

--- A text as COPY reads it; nil as its NULL.
function fields.tsv_text(value) return value and value:gsub("[\\\t\n\r]", ESCAPES) or "\\N" end

--- The same of a time.
function fields.tsv_time(value) return value and fields.iso(value) or "\\N" end

return fields
