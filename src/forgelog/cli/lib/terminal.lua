--- What a terminal can do that a file cannot: colour, a progress bar, a sparkline, redrawing.
-- @module forgelog.cli.lib.terminal
local core = require "forgelog.core"
local units = require "forgelog.units"

local terminal = {}

-- Of ECMA-48's "select graphic rendition".
local CODES = { bold = 1, dim = 2, red = 31, green = 32, yellow = 33, magenta = 35 }
local BARS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local ASCII_BARS = { ".", ":", "-", "=", "+", "*", "%", "#" }

--- A function (name, text) that colours text where it goes to a terminal.
-- @string when "auto", "always" or "never"
function terminal.painter(when)
  local plain = os.getenv("NO_COLOR") or os.getenv("TERM") == "dumb"
  if when == "never" or when ~= "always" and (plain or not core.terminal(1)) then
    return function(_, text) return text end
  end
  return function(name, text) return ("\27[%dm%s\27[0m"):format(CODES[name], text) end
end

--- Text in which no byte can move a terminal's cursor or hide something: control characters as
-- \xNN.
function terminal.safe(text)
  local function hex(bytes)
    return (bytes:gsub(".", function(byte) return ("\\x%02x"):format(byte:byte()) end))
  end
  return (text:gsub("[\1-\31\127]", hex):gsub("\194[\128-\159]", hex))
end

--- A text with blanks behind it up to a width. (string.format knows no width above 99.)
function terminal.pad(text, width) return text .. (" "):rep(width - #text) end

local function utf8_locale()
  local locale = os.getenv("LC_ALL") or os.getenv("LC_CTYPE") or os.getenv("LANG") or ""
  return locale:lower():find("utf%-?8") ~= nil
end

--- The last values as a line of bars, as many as `width`.
function terminal.sparkline(values, width)
  local bars = utf8_locale() and BARS or ASCII_BARS
  local first, most, line = math.max(1, #values - width + 1), 0, {}
  for i = first, #values do most = math.max(most, values[i]) end
  for i = first, #values do
    line[#line + 1] = bars[most > 0 and math.ceil(values[i] / most * #bars) or 1] or bars[1]
  end
  return table.concat(line)
end

-- The bar and the words beside it. It must not wrap, not even with the ^C of a user behind it.
local function draw(columns, part, words)
  local width = math.max(5, math.min(40, columns - #words - 6))
  local full = math.floor(part * width)
  return "[" .. ("="):rep(full) .. (" "):rep(width - full) .. "] " .. words
end

--- A progress bar on standard error, for work that takes longer than a second. There is none where
-- standard error is no terminal, or where standard output is the same one.
-- @number total how much will have been done in the end
-- @string what is counted
-- @bool beside whether it may be drawn although standard output is a terminal too
-- @return a function that is called with how much is done; called with nil, it wipes the bar away
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
    local words = ("%3d %%  %s of %s %s, %s left"):format(math.floor(part * 100),
      units.count(done), units.count(total), what, units.duration(math.floor(left + 0.5)))
    io.stderr:write("\r\27[K", draw(columns, part, words))
    io.stderr:flush()
  end
end

return terminal
