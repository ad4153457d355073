--- A private nginx with its Lua module for one spec: it has a folder and a socket of its own, its
-- workers run as this user, and it ends with the spec.
-- @module support.nginx
local process = require "support.process"
local support = require "support"

local nginx = {}
nginx.__index = nginx

local quote = process.quote
local root = assert(os.getenv("FORGELOG_ROOT"))
local MODULES = "/usr/lib/nginx/modules/"

local CONF = [[
%s
load_module ]] .. MODULES .. [[ndk_http_module.so;
load_module ]] .. MODULES .. [[ngx_http_lua_module.so;
daemon off;
pid nginx.pid;
error_log error.log info;
thread_pool forgelog threads=8;
env FORGELOG_ROOT; env FORGELOG_TMP; env TMPDIR;
%s
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp;
  lua_package_path "%s/src/?.lua;%s/src/?/init.lua;%s/spec/?.lua;;";
  lua_package_cpath "%s/build/jit/?.so;;";
  %s
}
]]

--- Whether this machine has nginx, its Lua module, and the core built for LuaJIT.
function nginx.available()
  local core = root .. "/build/jit/forgelog/core.so"
  for _, path in ipairs({ MODULES .. "ngx_http_lua_module.so", core }) do
    if not support.read(path) then return false end
  end
  return (os.execute("command -v nginx >/dev/null")) ~= nil
end

--- A port of this machine that was free a moment ago.
function nginx.free_port()
  local listening = assert(require("socket").bind("127.0.0.1", 0))
  local _, port = listening:getsockname()
  listening:close()
  return port
end

--- Starts one.
-- @tparam table parts `http` (directives inside http; `listen unix:$socket` there), `main`
-- (directives outside, such as worker_processes), `files` (more files in its folder, by name;
-- `$name` is replaced by vars.name), `vars`, `network` (true: on the network of
-- spec/support/network)
function nginx.start(parts)
  local self = setmetatable({ dir = process.path("nginx") }, nginx)
  assert(os.execute("mkdir -p " .. quote(self.dir .. "/tmp")))
  local vars = parts.vars or {}
  vars.socket, vars.dir = self.dir .. "/socket", self.dir
  local function fill(text) return (text:gsub("%$(%w+)", vars)) end
  local user = support.run("test $(id -u) = 0") and "user root;" or ""
  local main = fill(parts.main or "worker_processes 1;")
  self:write("nginx.conf", CONF:format(user, main, root, root, root, root, fill(parts.http)))
  for name, text in pairs(parts.files or {}) do self:write(name, fill(text)) end
  local network = parts.network and quote(root .. "/spec/support/network") .. " " or ""
  self.process = process.companion(("%snginx -p %s -c nginx.conf"):format(network,
    quote(self.dir)))
  support.wait_until(function()
    return self:get("/up") or self:log():find("%[emerg%]") and error(self:log(), 0)
  end, "nginx to answer", 10)
  return self
end

--- Writes a file in its folder.
function nginx:write(name, text) support.write(self.dir .. "/" .. name, text) end

--- The text with which a request is answered; nil where it is not answered 200 in time.
-- It needs no process of its own, so that it costs little to ask again and again.
-- @string path
-- @number[opt=30] seconds
function nginx:get(path, seconds)
  local uv = require "luv"
  local pipe, timer, parts, whole = uv.new_pipe(false), uv.new_timer(), {}, false
  local function finish()
    pipe:close()
    timer:close()
  end
  uv.update_time() -- the loop's clock has stood still since it last ran
  timer:start((seconds or 30) * 1000, 0, finish)
  pipe:connect(self.dir .. "/socket", function(refused)
    if pipe:is_closing() then return end
    if refused then return finish() end
    pipe:read_start(function(wrong, data)
      parts[#parts + 1] = data
      if data or pipe:is_closing() then return end
      whole = not wrong
      finish()
    end)
    pipe:write(("GET %s HTTP/1.0\r\nHost: nginx\r\n\r\n"):format(path))
  end)
  uv.run()
  local status, body = table.concat(parts):match("^HTTP/%S+ (%d+).-\r\n\r\n(.*)$")
  return whole and status == "200" and body or nil
end

--- The error log so far.
function nginx:log() return support.read(self.dir .. "/error.log") or "" end

--- Process ids of the workers; also of those that are shutting down.
function nginx:workers()
  local _, output = process.run("pgrep -x nginx -P " .. self.process.pid)
  local list = {}
  for pid in output:gmatch("%d+") do list[#list + 1] = pid end
  return list
end

-- Whether a process that is stopped was at work of its own then, and in no call of the system's.
local function at_work(pid)
  return (support.read(("/proc/%s/syscall"):format(pid)) or ""):find("^%-1")
end

--- Stops a worker until it is sent CONT. A worker that works may hold the lock of a shared
-- dictionary, for which all others would wait as long; so it is stopped where it waits for events.
function nginx.suspend(pid)
  support.wait_until(function()
    assert(os.execute("kill -STOP " .. pid))
    support.wait_until(function()
      return (support.read(("/proc/%s/stat"):format(pid)) or ""):find("%) T")
    end, "the worker to stop")
    if not at_work(pid) then return true end
    assert(os.execute("kill -CONT " .. pid))
  end, "the worker to wait for events")
end

--- Sends the master a signal: HUP reloads, QUIT ends it gracefully.
function nginx:signal(name) assert(os.execute(("kill -%s %s"):format(name, self.process.pid))) end

--- Ends it, and waits for that.
function nginx:stop()
  self.process:kill("TERM")
  self.process:wait()
end

return nginx
