-- The rocks, as LuaRocks builds, installs and tests them from this tree. No network is used: what
-- they depend on is that of Debian's packages.
local process = require "support.process"
local rockspecs = require "support.rockspecs"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")
local version = os.getenv("FORGELOG_LUA_VERSION")
local api = version == "jit" and "5.1" or version -- LuaJIT uses what was installed for Lua 5.1

local function run(command)
  local ok, output, errors = support.run(command)
  assert(ok, output .. errors)
  return output
end

-- Runs LuaRocks for this Lua in a folder, out of reach of the make that runs this spec.
local function luarocks(folder, arguments)
  local config = process.file([[rocks_provided = { argparse = "0.7.1-2", busted = "2.1.1-1",
    cqueues = "20200726.54-0", dkjson = "2.6-1", luasocket = "3.1.0-1", luv = "1.44.2-0" }
    variables = { CFLAGS = "-O0 -fPIC" }]]) -- it compiles in half the time
  return run(("cd '%s' && unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES LUA_PATH LUA_CPATH && "
    .. "LUAROCKS_CONFIG='%s' luarocks --lua-version %s %s"):format(folder, config, api, arguments))
end

local use = [[
local forgelog = require "forgelog"
local log = assert(forgelog.connect(arg[1]))
assert(log:query("CREATE TABLE item (id int PRIMARY KEY)"))
assert(log:install())
assert(log:watch("item"))
assert(log:query("INSERT INTO item VALUES (7)"))
for change in log:drain(0) do print(change.op, change.table_name, change.row_id) end
log:close()
]]

describe("the rockspecs", function()
  local made = rockspecs.make(root)

  it("are those that 'make rockspecs' writes", function()
    for path in run("cd '" .. root .. "' && ls rockspec/*"):gmatch("%S+") do
      assert.equal(made[path], support.read(root .. "/" .. path), path .. ": make rockspecs")
      made[path] = nil
    end
    assert.is_nil(next(made))
  end)

  it("list every source file, each in one of the rocks", function()
    local both = support.read(root .. "/rockspec/forgelog-scm-1.rockspec")
      .. support.read(root .. "/rockspec/forgelog-cli-scm-1.rockspec")
    local files = "find src -name '*.c' -o -name '*.lua' -o -name '*.sql'"
    for file in run("cd '" .. root .. "' && " .. files):gmatch("%S+") do
      local _, times = both:gsub('"' .. file:gsub("%p", "%%%0") .. '"', "")
      assert.equal(1, times, file)
    end
  end)

  it("are of the version that the library tells", function()
    local release = require("forgelog")._VERSION
    for _, name in ipairs({ "forgelog", "forgelog-cli" }) do
      local path = ("%s/rockspec/%s-%s-1.rockspec"):format(root, name, release)
      assert.truthy(assert(support.read(path)):find('tag = "v' .. release .. '"', 1, true))
    end
  end)

  if version ~= "5.4" then return end

  it("are what LuaRocks takes", function()
    for path in run("cd '" .. root .. "' && ls rockspec/*"):gmatch("%S+") do
      luarocks(root, "lint " .. path)
    end
  end)

  it("name the specs that 'luarocks test' runs", function()
    local output = luarocks(root, "test rockspec/forgelog-scm-1.rockspec "
      .. "-- spec/api/units_spec.lua")
    assert.matches("5%.4/api/units: %d+ passed, 0 failed", output)
  end)
end)

describe("the rocks", function()
  local db
  setup(function() db = support.database() end)
  teardown(function() support.drop(db) end)

  -- The library, which finds nothing but itself.
  local function check_library(tree)
    local share, lib = tree .. "/share/lua/" .. api, tree .. "/lib/lua/" .. api
    assert.is_nil(support.read(tree .. "/bin/forgelog"))
    local output = run(("cd / && LUA_PATH='%s/?.lua;%s/?/init.lua' LUA_CPATH='%s/?.so' '%s' "
      .. "'%s' '%s'"):format(share, share, lib, os.getenv("FORGELOG_LUA"), process.file(use), db))
    assert.equal("INSERT\titem\t7\n", output)
    output = run(("luarocks --lua-version %s --tree '%s' show --rock-dir forgelog"):format(api,
      tree))
    assert.truthy(support.read(output:match("[^\n]+") .. "/types/forgelog/consumer.lua"))
  end

  local function check_command(tree)
    local output = run(("cd / && env -u LUA_PATH -u LUA_CPATH '%s/bin/forgelog' drain -d '%s' "
      .. "--format json"):format(tree, db))
    assert.matches('^{"seq":1,"table_name":"item","op":"INSERT","row_id":"7",', output)
  end

  it("build with no arguments, and work from elsewhere", function()
    local source, tree = support.path("source"), support.path("tree")
    run(("mkdir '%s' && cd '%s' && cp -R src bin rockspec types '%s'"):format(source, root, source))
    local make = ("make --tree '%s' rockspec/"):format(tree)
    luarocks(source, make .. "forgelog-scm-1.rockspec")
    check_library(tree)
    luarocks(source, make .. "forgelog-cli-scm-1.rockspec")
    run("rm -rf '" .. source .. "'")
    check_command(tree)
  end)

  if version ~= "5.4" then return end

  it("are packed, and come from a server, the library with the command", function()
    local server, tree = support.path("server"), support.path("tree")
    run(("unset LUA_PATH LUA_CPATH; '%s/spec/support/rock-server' '%s' --lua-version %s"):format(
      root, server, api))
    luarocks("/", ("install --only-server='%s' --tree '%s' forgelog-cli"):format(server, tree))
    check_command(tree)
  end)
end)
