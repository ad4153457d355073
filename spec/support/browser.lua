--- A headless Chromium for one spec, driven by WebDriver: chromedriver speaks it over HTTP.
-- @module support.browser
local http = require "socket.http"
local json = require "dkjson"
local ltn12 = require "ltn12"
local mime = require "mime"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local browser = {}
browser.__index = browser

-- Under this name an answer of WebDriver holds what stands for an element.
local ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

local ARGUMENTS = { "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
  "--no-first-run", "--disable-background-networking" }

local function list(items) return setmetatable(items, { __jsontype = "array" }) end
local function object(fields) return setmetatable(fields or {}, { __jsontype = "object" }) end

--- Whether this machine has both programs.
function browser.available()
  return (support.run("command -v chromium && command -v chromedriver"))
end

-- What a command of WebDriver returns; nil, and why, where it fails.
local function ask(self, method, path, fields)
  local parts, body = {}, fields and json.encode(object(fields))
  local done, status = http.request({
    url = self.base .. path, method = method, sink = ltn12.sink.table(parts),
    source = body and ltn12.source.string(body),
    headers = { ["content-type"] = "application/json", ["content-length"] = body and #body or 0 },
  })
  local answer = done and json.decode(table.concat(parts), 1, json.null)
  if not answer then return nil, tostring(status) end
  if status == 200 then return answer.value end
  return nil, tostring(answer.value.error) .. ": " .. tostring(answer.value.message)
end

local function must(self, ...)
  local value, err = ask(self, ...)
  if value == nil then error(err, 3) end
  if value == json.null then return nil end
  return value
end

--- Starts one, with a window of that size in pixels.
-- @number[opt=1280] width
-- @number[opt=900] height
function browser.start(width, height)
  local port, folder = nginx.free_port(), process.path("browser")
  local self = setmetatable({ base = "http://127.0.0.1:" .. port }, browser)
  local arguments = { ("--window-size=%d,%d"):format(width or 1280, height or 900),
    "--user-data-dir=" .. folder }
  for _, argument in ipairs(ARGUMENTS) do table.insert(arguments, argument) end
  self.driver = process.companion(("env HOME=%s chromedriver --port=%d"):format(
    process.quote(os.getenv("FORGELOG_TMP")), port))
  support.wait_until(function()
    local status = ask(self, "GET", "/status")
    return status and status.ready
  end, "chromedriver", 20)
  local session = must(self, "POST", "/session", { capabilities = object({ alwaysMatch = object({
    ["goog:chromeOptions"] = object({ args = list(arguments) }),
    ["goog:loggingPrefs"] = object({ browser = "ALL" }),
  }) }) })
  self.base = ("%s/session/%s"):format(self.base, session.sessionId)
  return self
end

--- Opens a page.
function browser:open(url) must(self, "POST", "/url", { url = url }) end

--- Runs JavaScript in the page.
-- @string script the body of a function
-- @param ... its arguments
-- @return what it returns; nil for null and undefined
function browser:run(script, ...)
  return must(self, "POST", "/execute/sync", { script = script, args = list({ ... }) })
end

--- Clicks an element, as a person does: it has to be seen and not covered.
-- @string selector of CSS
function browser:click(selector)
  local element = must(self, "POST", "/element", { using = "css selector", value = selector })
  must(self, "POST", "/element/" .. element[ELEMENT] .. "/click", {})
end

--- The text of an element, without spaces around it; nil where there is none.
-- @string selector of CSS
function browser:text(selector)
  return self:run([[const found = document.querySelector(arguments[0])
    return found && found.textContent.trim()]], selector)
end

--- Waits until an element has a text that matches; returns that text.
-- @string selector of CSS
-- @string pattern of Lua
-- @number[opt] seconds
function browser:wait_for(selector, pattern, seconds)
  local text
  local ok = pcall(support.wait_until, function()
    text = self:text(selector)
    return text and text:find(pattern)
  end, "", seconds)
  if ok then return text end
  error(("%s does not say %s but %s"):format(selector, pattern, tostring(text)), 2)
end

--- Has the page believe that this is wanted: `features` of CSS, such as prefers-color-scheme, and a
-- width and height of the window.
-- @tparam table features by their names
-- @number[opt] width in pixels, as the window is when left out
-- @number[opt=900] height
function browser:prefer(features, width, height)
  local named = list({})
  for name, value in pairs(features) do
    table.insert(named, object({ name = name, value = value }))
  end
  local function tell(command, parameters)
    must(self, "POST", "/goog/cdp/execute", { cmd = command, params = object(parameters) })
  end
  tell("Emulation.setEmulatedMedia", { features = named })
  if not width then return tell("Emulation.clearDeviceMetricsOverride", {}) end
  tell("Emulation.setDeviceMetricsOverride",
    { width = width, height = height or 900, deviceScaleFactor = 1, mobile = false })
end

--- Mistakes of the page since this was last called, as a list of texts: of its programs, and what
-- it is forbidden. (An answer that is not 200 is none.)
function browser:mistakes()
  local found = {}
  for _, entry in ipairs(must(self, "POST", "/se/log", { type = "browser" })) do
    if entry.source ~= "network" then table.insert(found, entry.message) end
  end
  return found
end

--- Writes what is seen as a PNG.
function browser:picture(path)
  support.write(path, (mime.unb64(must(self, "GET", "/screenshot"))))
end

--- Ends it, and waits for that.
function browser:stop()
  ask(self, "DELETE", "")
  self.driver:kill("TERM")
  self.driver:wait()
end

return browser
