--- A real terminal, made by tmux, with a command in it: what it shows can be read and waited for,
-- keys typed.
-- @module support.terminal
local process = require "support.process"
local support = require "support"

local terminal = {}
terminal.__index = terminal

local quote = process.quote

local function tmux(self, arguments)
  local words = ("exec tmux -S %s -f /dev/null %s"):format(quote(self.socket), arguments)
  local ok, output, errors = support.run(words)
  assert(ok, output .. errors)
  return output
end

--- Starts a shell command in a terminal of its own; its exit status is shown when it has ended.
-- @string command for the shell
-- @int[opt] columns 120
-- @int[opt] rows 40
function terminal.start(command, columns, rows)
  local self = setmetatable({ socket = process.path("tmux") }, terminal)
  local script = process.file("export LC_ALL=C.UTF-8 TERM=screen\ntrap : INT\n" .. command
    .. "\necho \"ended with $?\"\nexec sleep 600\n")
  tmux(self, ("new-session -d -x %d -y %d sh %s"):format(columns or 120, rows or 40, quote(script)))
  -- It must not outlive a test run that fails or is killed.
  local watch = ("tail --pid=%s -s 0.5 -f /dev/null; tmux -S '%s' kill-server"):format(
    process.id(), self.socket)
  os.execute(("setsid sh -c \"%s\" >/dev/null 2>&1 </dev/null &"):format(watch))
  return self
end

--- What it shows.
-- @bool[opt] escapes with the escape sequences of colours
function terminal:screen(escapes)
  return tmux(self, "capture-pane -p" .. (escapes and " -e" or ""))
end

--- Waits until it shows something (a pattern); returns the whole screen.
function terminal:expect(pattern, seconds)
  local shown
  local ok = pcall(support.wait_until, function()
    shown = self:screen()
    return shown:find(pattern)
  end, pattern, seconds or 20)
  if not ok then error(("the terminal does not show %s but:\n%s"):format(pattern, shown), 2) end
  return shown
end

--- Types keys, as tmux names them ("C-c", "Enter", or text).
function terminal:type(...)
  for _, key in ipairs({ ... }) do tmux(self, "send-keys " .. quote(key)) end
end

--- Ends the terminal and what runs in it.
function terminal:close() tmux(self, "kill-server") end

return terminal
