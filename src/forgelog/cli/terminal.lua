--- What a terminal can do that a file cannot: colour, a progress bar, a sparkline, redrawing.
-- @module forgelog.cli.terminal
local core = require "forgelog.core"

local terminal = {}

local CODES = { red = 31, green = 32, yellow = 33, blue = 34, magenta = 35, cyan = 36, dim = 2, bold = 1 }

--- A function (name, text) that colours text where it goes to a terminal.
-- @string when "auto", "always" or "never"
function terminal.painter(when)
  local plain = os.getenv("NO_COLOR") or os.getenv("TERM") == "dumb"
  if when == "never" or when ~= "always" and (plain or not core.terminal(1)) then
    return function(_, text) return text end
  end
  return function(name, text) return ("\27[%dm%s\27[0m"):format(CODES[name], text) end
end

--- Text of which no byte can move a terminal's cursor or hide something.
function terminal.safe(text)
  local function hex(bytes)
    return (bytes:gsub(".", function(byte) return ("\\x%02x"):format(byte:byte()) end))
  end
  return (text:gsub("[%c\127]", hex):gsub("\194[\128-\159]", hex))
end

local function utf8_locale()
  local locale = os.getenv("LC_ALL") or os.getenv("LC_CTYPE") or os.getenv("LANG") or ""
  return locale:lower():find("utf%-?8") ~= nil
end

--- The last values as a line of bars, as many as `width`.
function terminal.sparkline(values, width)
  local bars = utf8_locale() and { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" } or { ".", ":", "-", "=", "+", "*", "%", "#" }
  local first, most, line = math.max(1, #values - width + 1), 0, {}
  for i = first, #values do most = math.max(most, values[i]) end
  for i = first, #values do
    line[#line + 1] = bars[most > 0 and math.ceil(values[i] / most * #bars) or 1] or bars[1]
  end
  return table.concat(line)
end

--- A progress bar on standard error, for what takes longer than a second; nothing where that is no terminal, or where
-- standard output is the same one.
-- @number total what will have been done in the end
-- @string what is counted
-- @bool beside whether it may be drawn although standard output is a terminal too
-- @return a function to be told how much is done; told nil, it wipes the bar away
function terminal.progress(total, what, beside)
  local columns = core.terminal(2)
  if not columns or total <= 0 or not beside and core.terminal(1) then return function() end end
  local began, drawn = core.now(), nil
  return function(done)
    local now = core.now()
    if not done then return drawn and io.stderr:write("\r\27[K") end
    if now - (drawn or began + 0.9) < 0.1 then return end
    drawn = now
    local part = math.min(done / total, 1)
    local left = part > 0 and (now - began) * (1 - part) / part or 0
    local words = ("%3d %%  %.0f of %.0f %s, %.0f s left"):format(math.floor(part * 100), done, total, what, left)
    local width = math.max(5, math.min(40, columns - #words - 6)) -- must not wrap, nor with ^C behind it
    local full = math.floor(part * width)
    io.stderr:write("\r\27[K[", ("="):rep(full), (" "):rep(width - full), "] ", words)
    io.stderr:flush()
  end
end

return terminal
