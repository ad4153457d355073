--- Connecting as PostgreSQL's own tools do: -h -p -U -d, the environment, services, password files,
-- and a prompt for the password.
-- @module forgelog.cli.lib.connect
local connection = require "forgelog.connection"
local core = require "forgelog.core"
local forgelog = require "forgelog"

local connect = {}

-- All that the command prints is UTF-8, whatever PGCLIENTENCODING says for other programs. (What a
-- database in SQL_ASCII holds comes as it is.)
function connection.new_handle(conninfo, name) return core.connection(conninfo, name, true) end

local function is_uri(text) return text:find("^postgres://") or text:find("^postgresql://") end

--- Refuses a -d that names a password, which every user of the machine may read.
-- @return what is wrong with it; nil where nothing is
function connect.refusal(dbname)
  local text = (dbname or ""):lower()
  local user = is_uri(text) and (text:match("^%w+://([^/?#]*)@") or "")
  if text:find("password%s*=") or user and user:find(":", 1, true) then
    return "a password on the command line can be read by everybody (ps): "
      .. "use PGPASSWORD, a password file or a service"
  end
end

-- A value in a URI.
local function percent(value)
  return (value:gsub("[^A-Za-z0-9%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

-- A value in a connection string.
local function in_quotes(value) return "'" .. value:gsub("[\\']", "\\%0") .. "'" end

-- Adds the keywords that have a value to a connection string, a URI or nothing. Where libpq finds a
-- keyword twice, the later one counts.
local function add(base, keywords)
  local quote, parts = is_uri(base) and percent or in_quotes, {}
  for _, pair in ipairs(keywords) do
    if pair[2] then parts[#parts + 1] = pair[1] .. "=" .. quote(pair[2]) end
  end
  if is_uri(base) then
    local added = table.concat(parts, "&")
    return base .. (added == "" and "" or base:find("?", 1, true) and "&" or "?") .. added
  end
  return base .. (base == "" and "" or " ") .. table.concat(parts, " ")
end

-- The connection string that the options amount to, perhaps with a password.
local function conninfo(options, password)
  local dbname = options.dbname or ""
  local whole = is_uri(dbname) or dbname:find("=", 1, true)
  return add(whole and dbname or "", {
    { "dbname", not whole and options.dbname or nil },
    { "host", options.host },
    { "port", options.port },
    { "user", options.username },
    { "password", password },
  })
end

-- Asks for a password on the terminal without showing it; nil where there is no terminal.
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

-- Whether the server wants a password. No other decision of the command is made on a message:
-- libpq itself finds this out without a SQLSTATE, and once the connection is closed only its text
-- is left. The text is always the English one, because Lua does not call setlocale.
local function wants_password(err)
  return err.message:find("no password supplied", 1, true) ~= nil
end

--- Connects, and asks for a password where the server wants one and there is a terminal.
-- @param options `host`, `port`, `username`, `dbname`, `password`, `no_password`, `schema`,
-- `timeout`
-- @param waiter the command's
-- @return a log, nil, and the conninfo that led to it; or nil and an error
function connect.open(options, waiter)
  local opts = { schema = options.schema, timeout = options.timeout, wait = waiter }
  local info = conninfo(options, options.password and ask() or nil)
  local log, err = forgelog.connect(info, opts)
  if not log and wants_password(err) and not options.no_password then
    local password = ask()
    if password then
      info = conninfo(options, password)
      log, err = forgelog.connect(info, opts)
    end
  end
  if log then return log, nil, info end
  if wants_password(err) then
    err.advice = "give the password by -W, PGPASSWORD, a password file (~/.pgpass) or a service"
  end
  return nil, err
end

return connect
