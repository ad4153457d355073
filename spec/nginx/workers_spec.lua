-- Changes handled at the same time in the light threads of a worker of nginx.
local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
server {
  listen unix:$socket;
  location /up { return 200; }
  location /run { content_by_lua_block {
    local handling, waiter = require "support.handling", require "forgelog.wait.openresty"
    local key = ngx.var.arg_key == "none" and function() return nil end or nil
    local function run()
      local ok, seen = pcall(handling.run, { waiter = waiter, count = 64, room = 300,
        changes = 2000, key = key })
      return ok and ("%d %d %d %d %d\n%s"):format(seen.all, seen.lost, seen.twice, seen.shared,
        seen.disorder, seen.text) or tostring(seen)
    end
    if ngx.var.arg_place == "request" then return ngx.print(run()) end
    local answer
    ngx.timer.at(0, function() answer = run() end)
    repeat ngx.sleep(0.01) until answer
    ngx.print(answer)
  } }
}]]

describe("workers in nginx", function()
  local server

  setup(function() server = nginx.start({ http = HTTP }) end)
  teardown(function() server:stop() end)

  for _, place in ipairs({ "request", "timer" }) do
    it("handle each change once, in order by key, in a " .. place, function()
      local answer = server:get("/run?place=" .. place) or server:log()
      support.note("openresty, %s", answer:match("\n(.*)") or answer)
      assert.equal("2000 0 0 0 0", answer:match("^[^\n]*"))
      assert.is_nil(server:log():match("%[error%].*"))
    end)
  end

  it("would be seen to mix up the changes of a row without an order", function()
    local answer = server:get("/run?place=timer&key=none")
    assert.is_true(tonumber(answer:match("^2000 0 0 0 (%d+)\n")) > 0)
  end)
end)
