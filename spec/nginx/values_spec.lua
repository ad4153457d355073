-- Values go to the server and come back as they were inside a worker of nginx, too.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local nginx = require "support.nginx"
local support = require "support"

describe("a value", function()
  local db, server
  setup(function() db = support.database() end)
  teardown(function()
    if server then server:stop() end
    support.drop(db)
  end)

  it("comes back as it was sent from a worker of nginx", function()
    server = nginx.start({ vars = { db = db }, http = [[
      server {
        listen unix:$socket;
        location /up { return 200; }
        location /values { content_by_lua_block {
          local letters = {}
          for byte = 1, 127 do letters[byte] = string.char(byte) end
          local text = table.concat(letters) .. "\195\164\226\130\172"
          local tried, wrong = require("support.roundtrip")("$db", text, 129)
          ngx.print(tried > 400 and "enough" or tried, " ", table.concat(wrong, "; "))
        } }
      }]] })
    assert.equal("enough ", server:get("/values"))
  end)
end)
