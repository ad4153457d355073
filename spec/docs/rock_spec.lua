-- The rock, as LuaRocks builds and installs it from this tree.
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")
local version = os.getenv("FORGELOG_LUA_VERSION")

local function read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function run(command)
  local ok, output, errors = support.run(command)
  assert(ok, output .. errors)
  return output
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
  local scm = read(root .. "/rockspec/forgelog-scm-1.rockspec")
  local release = read(root .. "/rockspec/forgelog-1.0.0-1.rockspec")

  it("list every source file", function()
    for file in run("cd '" .. root
      .. "' && find src -name '*.c' -o -name '*.lua' -o -name '*.sql'"):gmatch("%S+") do
      assert.truthy(scm:find('"' .. file .. '"', 1, true), file .. " is missing")
    end
  end)

  it("differ in version and source only", function()
    local function strip(text)
      return (text:gsub('version = "[^"]+"', ""):gsub("source = %b{}", ""))
    end
    assert.equal(strip(scm), strip(release))
    assert.truthy(release:find('version = "' .. require("forgelog")._VERSION .. '-1"', 1, true))
  end)
end)

-- LuaJIT uses what was installed for Lua 5.1.
if version ~= "jit" then
  describe("the rock", function()
    local db
    setup(function() db = support.database() end)
    teardown(function() support.drop(db) end)

    it("builds with no arguments, and works from elsewhere", function()
      local source, tree = support.path("source"), support.path("tree")
      run(("mkdir '%s' && cd '%s' && cp -R src bin types rockspec '%s'"):format(source, root,
        source))
      run(("cd '%s' && luarocks --lua-version %s make --tree '%s' "
        .. "rockspec/forgelog-scm-1.rockspec"):format(source, version,
        tree))
      run("rm -rf '" .. source .. "'")
      local script = support.path("use.lua")
      local file = assert(io.open(script, "w"))
      file:write(use)
      file:close()
      local share, lib = tree .. "/share/lua/" .. version, tree .. "/lib/lua/" .. version
      local output = run(("cd / && LUA_PATH='%s/?.lua;%s/?/init.lua' LUA_CPATH='%s/?.so' '%s' "
        .. "'%s' '%s'"):format(share, share,
        lib, os.getenv("FORGELOG_LUA"), script, db))
      assert.equal("INSERT\titem\t7\n", output)
      output = run(("cd / && env -u LUA_PATH -u LUA_CPATH '%s/bin/forgelog' drain -d '%s' "
        .. "--format json"):format(tree, db))
      assert.matches('^{"seq":1,"table_name":"item","op":"INSERT","row_id":"7",', output)
      output = run(("luarocks --lua-version %s --tree '%s' show --rock-dir forgelog"):format(
        version, tree))
      assert.truthy(support.read(output:match("[^\n]+") .. "/types/forgelog/consumer.lua"))
    end)
  end)
end
