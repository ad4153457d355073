--- Processes beside a spec, with nothing but Lua's own io.popen and the shell.
-- @module support.process

local process = {}

local unpack = table.unpack or unpack

--- A word for the shell.
function process.quote(word)
  return "'" .. tostring(word):gsub("'", [['\'']]) .. "'"
end

local quote = process.quote

local function slurp(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local id

--- A text no other process of this test run has.
function process.id()
  if not id then
    local pipe = assert(io.popen("echo $PPID", "r"))
    id = pipe:read("*l")
    pipe:close()
  end
  return id
end

local last = 0

--- A word that no other call of this run returns, although busted loads this module again for
-- each file.
function process.unique()
  last = last + 1
  return string.format("%s_%d_%d", process.id(), math.floor(os.clock() * 1e6), last)
end

--- A path for a file or folder that goes away with the test run.
function process.path(name)
  local folder = os.getenv("FORGELOG_TMP") or os.getenv("TMPDIR") or "/tmp"
  return string.format("%s/%s-%s", folder, name, process.unique())
end

--- Writes text to a file of that kind; returns its path.
function process.file(text)
  local name = process.path("file")
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  return name
end

local background = {}
background.__index = background

--- Starts a shell command in the background, in a session of its own.
-- @return an object with pid, :wait(), :kill(signal), :output(), :errors()
function process.start(command)
  local script = process.file("echo $$ >&3; exec 3>&-\n" .. command .. "\n")
  local out, err = process.path("out"), process.path("err")
  -- The pipe carries the process id first and the exit status last, so reading it is waiting.
  local pipe = assert(io.popen(("{ setsid -w sh %s 3>&1 >%s 2>%s; } </dev/null; echo $?"):format(
    quote(script), quote(out), quote(err)), "r"))
  return setmetatable({ pid = pipe:read("*l"), pipe = pipe, out = out, err = err, script = script },
    background)
end

--- Waits for the end.
-- @return true or false (exit status 0 or not), what it wrote to stdout, to stderr, the exit status
function background:wait()
  if self.pipe then
    self.status = tonumber(self.pipe:read("*l"))
    self.pipe:close()
    self.pipe = nil
    self.stdout, self.stderr = slurp(self.out), slurp(self.err)
    os.remove(self.out); os.remove(self.err); os.remove(self.script)
  end
  return self.status == 0, self.stdout, self.stderr, self.status
end

--- Sends a signal (default TERM) to the command and all it started, without waiting.
function background:kill(signal)
  return os.execute(string.format("kill -%s -%s 2>/dev/null", signal or "TERM", self.pid))
end

--- What it has written to stdout so far.
function background:output() return self.stdout or slurp(self.out) end

--- What it has written to stderr so far.
function background:errors() return self.stderr or slurp(self.err) end

--- Starts a program in the background that ends with this test run, however that ends.
-- @string command of one program, for the shell
function process.companion(command)
  return process.start(("{ tail --pid=%s -s 0.5 -f /dev/null; kill -TERM -$$; } & exec %s"):format(
    process.id(), command))
end

--- Runs a shell command to its end; returns what :wait() returns.
function process.run(command)
  return process.start(command):wait()
end

--- Starts a Lua script (its text) in another process of the interpreter the specs run on.
-- @param ... its arguments, which arrive in `...`
function process.lua(text, ...)
  local words = { os.getenv("FORGELOG_LUA") or "lua", quote(process.file(text)) }
  for i = 1, select("#", ...) do
    words[#words + 1] = quote((select(i, ...)))
  end
  return process.start(table.concat(words, " "))
end

local pgbench_run = {}
pgbench_run.__index = pgbench_run

--- Waits for the load's end; raises when pgbench failed.
-- @return transactions committed, and pgbench's whole report
function pgbench_run:wait()
  local ok, output, errors = self.process:wait()
  local done = output:match("transactions actually processed: (%d+)")
  if not ok or not done then
    error("pgbench: " .. errors .. output, 2)
  end
  return tonumber(done), output
end

--- Ends the load early; :wait() will then raise.
function pgbench_run:kill() self.process:kill() end

--- Ends the load early, and waits for that. What it has committed stays.
function pgbench_run:stop()
  self:kill()
  self.process:wait()
end

--- Starts pgbench in the background.
-- @param opts conninfo; script (text) or scripts (array of texts, or of tables with `text` and
-- `weight`) or builtin (name); clients (8), seconds or transactions (per client), variables (name
-- to value), args (array of further words)
-- @return an object with :wait(), :kill() and :stop()
function process.pgbench(opts)
  local words = { "pgbench", "-n", "-c", opts.clients or 8, "-j", opts.threads or 1 }
  local function add(...)
    for i = 1, select("#", ...) do words[#words + 1] = (select(i, ...)) end
  end
  if opts.builtin then add("-b", opts.builtin) end
  for _, script in ipairs(opts.scripts or { opts.script }) do
    local text, weight = script, 1
    if type(script) == "table" then text, weight = script.text, script.weight or 1 end
    add("-f", process.file(text) .. "@" .. weight)
  end
  if opts.seconds then add("-T", opts.seconds) end
  if opts.transactions then add("-t", opts.transactions) end
  for name, value in pairs(opts.variables or {}) do add("-D", name .. "=" .. value) end
  add(unpack(opts.args or {}))
  if opts.conninfo then add(opts.conninfo) end
  for i, word in ipairs(words) do words[i] = quote(word) end
  return setmetatable({ process = process.start(table.concat(words, " ")) }, pgbench_run)
end

return process
