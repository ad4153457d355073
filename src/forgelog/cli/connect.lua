--- Connecting as PostgreSQL's own tools do: -h -p -U -d, the environment, services, password files, and a prompt.
-- @module forgelog.cli.connect
local forgelog = require "forgelog"

local connect = {}

local function is_uri(text) return text:find("^postgres://") or text:find("^postgresql://") end

--- What is wrong with a -d that names a password, which every user of the machine may read; or nil.
function connect.refusal(dbname)
  local text = (dbname or ""):lower()
  local user = is_uri(text) and (text:match("^%w+://([^/?#]*)@") or "")
  if text:find("password%s*=") or user and user:find(":", 1, true) then
    return "a password on the command line can be read by everybody (ps): use PGPASSWORD, a password file or a service"
  end
end

local function percent(value)
  return (value:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function in_quotes(value) return "'" .. value:gsub("[\\']", "\\%0") .. "'" end

-- The keywords that are set, added to a connection string, a URI or nothing; the later one counts.
local function add(base, keywords)
  local parts = {}
  for _, pair in ipairs(keywords) do
    if pair[2] then parts[#parts + 1] = pair[1] .. "=" .. (is_uri(base) and percent or in_quotes)(pair[2]) end
  end
  if is_uri(base) then
    local added = table.concat(parts, "&")
    return base .. (added == "" and "" or base:find("?", 1, true) and "&" or "?") .. added
  end
  return base .. (base == "" and "" or " ") .. table.concat(parts, " ")
end

-- A connection string of the options, and perhaps a password.
local function conninfo(options, password)
  local dbname = options.dbname or ""
  local whole = is_uri(dbname) or dbname:find("=", 1, true)
  return add(whole and dbname or "", { { "dbname", not whole and options.dbname or nil }, { "host", options.host },
    { "port", options.port }, { "user", options.username }, { "password", password } })
end

-- Asks for a password on the terminal, unseen; nil where there is none.
local function ask()
  local tty = io.open("/dev/tty", "r+")
  if not tty then return nil end
  tty:write("Password: ")
  tty:flush()
  os.execute("stty -echo </dev/tty")
  local password = tty:read("*l")
  os.execute("stty echo </dev/tty")
  tty:write("\n")
  tty:close()
  return password
end

--- Connects, asking for a password where the server wants one and there is a terminal.
-- @param options the command's: `host`, `port`, `username`, `dbname`, `password`, `no_password`, `schema`, `timeout`
-- @param waiter of the command
-- @return a log, and the conninfo that led to it; or nil and an error
function connect.open(options, waiter)
  local info = conninfo(options, options.password and ask() or nil)
  local opts = { schema = options.schema, timeout = options.timeout, wait = waiter }
  local log, err = forgelog.connect(info, opts)
  if not log and err.message:find("no password supplied", 1, true) and not options.no_password then
    local password = ask()
    if password then
      info = conninfo(options, password)
      log, err = forgelog.connect(info, opts)
    end
  end
  if not log then return nil, err end
  return log, info
end

return connect
