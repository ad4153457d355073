-- make install: for several Luas beside each other, and with nothing left that this tree is needed
-- for.
local process = require "support.process"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")
local quote = process.quote
local release = require("forgelog")._VERSION

if os.getenv("FORGELOG_LUA_VERSION") ~= "5.4" then return end

local function run(command)
  local ok, output, errors = support.run("unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES LUA_PATH "
    .. "LUA_CPATH; " .. command)
  assert(ok, output .. errors)
  return output
end

-- Installs for a Lua into a folder, where PATH is what a machine has and `programs` before it.
local function install(prefix, version, programs)
  return run(("cd %s && PATH=%s:/usr/local/bin:/usr/bin:/bin make -s install LUA_VERSION=%s "
    .. "PREFIX=%s"):format(quote(root), quote(programs or "/nowhere"), version, quote(prefix)))
end

local function first_line(path) return assert(support.read(path)):match("[^\n]*") end

describe("make install", function()
  -- A folder with a program luajit, which Debian does not install with the library.
  local programs = support.path("programs")
  setup(function()
    run(("make -s -C %s build host LUA_VERSION=jit && mkdir %s && cp %s/build/jit/lua %s/luajit")
      :format(quote(root), programs, root, programs))
  end)

  local function check(prefix, api)
    local told = run("cd / && " .. prefix .. "/bin/forgelog --version")
    assert.equal("forgelog " .. release .. "\n", told)
    local code = ('package.path = "%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua" '
      .. 'package.cpath = "%s/lib/lua/%s/?.so" print(require("forgelog")._VERSION)'):format(prefix,
      api, prefix, api, prefix, api)
    local lua = api == "5.1" and programs .. "/luajit" or "lua" .. api
    assert.equal(release .. "\n", run(("cd / && %s -e %s"):format(lua, quote(code))))
    -- Not in the files that are text; the core's debugging information may say where it was made.
    assert.equal("", run(("grep -rIlF %s %s || true"):format(quote(root), prefix)))
  end

  it("leaves a command that works where LuaJIT has no program", function()
    local prefix = support.path("prefix")
    install(prefix, "5.4")
    local output = install(prefix, "jit")
    assert.matches("the command stays as it is: there is no program luajit", output)
    assert.matches("/lua5%.4$", first_line(prefix .. "/bin/forgelog"))
    check(prefix, "5.4")
    check(prefix, "5.1")
  end)

  it("leaves one that runs on this tree's LuaJIT where there is no other", function()
    local prefix = support.path("prefix")
    install(prefix, "jit")
    assert.equal("#!" .. root .. "/build/jit/lua", first_line(prefix .. "/bin/forgelog"))
    assert.equal("forgelog " .. release .. "\n", run(prefix .. "/bin/forgelog --version"))
  end)

  it("leaves a command that works where LuaJIT has one", function()
    local prefix = support.path("prefix")
    install(prefix, "jit", programs)
    assert.equal("#!" .. programs .. "/luajit", first_line(prefix .. "/bin/forgelog"))
    check(prefix, "5.1")
    install(prefix, "5.4", programs)
    assert.matches("/lua5%.4$", first_line(prefix .. "/bin/forgelog"))
    check(prefix, "5.4")
  end)

  it("leaves the command to a Lua that can run it", function()
    local prefix, bare = support.path("prefix"), support.path("bare")
    install(prefix, "5.4")
    run(("mkdir %s && touch %s/luajit && chmod 755 %s/luajit"):format(bare, bare, bare))
    -- A Lua that finds no argparse.
    support.write(bare .. "/luajit", "#!/bin/sh\nLUA_PATH=/nowhere exec lua5.4 \"$@\"\n")
    local output = install(prefix, "jit", bare)
    assert.matches("the command stays as it is: .*/luajit lacks argparse: install lua%-argparse, "
      .. "and run make install again", output)
    check(prefix, "5.4")
  end)

  -- What it says where it fails, before make's own line.
  local function refused(words)
    local ok, _, errors = support.run(("unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES; "
      .. "make -s -C %s install %s"):format(quote(root), words))
    assert.is_false(ok)
    return errors:gsub("make: %*%*%*[^\n]*\n$", "")
  end

  it("names the packages that are missing, and builds nothing then", function()
    assert.equal("to build for Lua 5.1, install what is missing; in Debian: liblua5.1-0-dev\n",
      (refused(("LUA_VERSION=5.1 LUA_PC_5.1=none BUILD=%s PREFIX=%s"):format(
        support.path("build"), support.path("prefix")))))
  end)

  it("leaves no empty folder, as a package of one part would have it", function()
    for _, part in ipairs { "library", "command" } do
      local folder = support.path(part)
      run(("make -s -C %s install-%s LUA_VERSION=5.4 DESTDIR=%s PREFIX=/usr"):format(quote(root),
        part, folder))
      assert.equal("", run("find " .. folder .. " -type d -empty"))
    end
  end)

  it("says how to install for oneself where this user may not write", function()
    assert.matches("^[^\n]+ may not write /proc/none/share/lua/5%.4: "
      .. "make install PREFIX=/home/ada/%.local, or sudo make install\n$",
      (refused("PREFIX=/proc/none HOME=/home/ada")))
  end)

  it("has the man page and completions with the command", function()
    local prefix = support.path("prefix")
    install(prefix, "5.4")
    for path, pattern in pairs({ ["man/man1/forgelog.1"] = "%.TH FORGELOG 1",
      ["bash-completion/completions/forgelog"] = "complete %-F _forgelog",
      ["zsh/site-functions/_forgelog"] = "^#compdef forgelog" }) do
      assert.matches(pattern, support.read(prefix .. "/share/" .. path))
    end
  end)
end)
