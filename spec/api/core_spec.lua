-- What the core gives to Lua besides connections: positions as sets of seqs, a hash, processes.
local core = require "forgelog.core"
local support = require "support"

local LUA = os.getenv("FORGELOG_LUA")

local function refuses(call, ...)
  local ok, err = pcall(call, ...)
  assert.is_false(ok)
  return err
end

describe("core.without", function()
  it("takes seqs out of a position again, in any order", function()
    assert.equal("1:9:11-15", core.without("1:15", { 10 }))
    assert.equal("1:4:6-9,11-15,17,19-20", core.without("1:15:17-20", { 18, 10, 5, 10 }))
    assert.equal("0:14", core.without("15", { 15 }))
  end)

  it("is not changed by what it does not have", function()
    assert.equal("1:15:17-20", core.without("1:15:17-20", { 16, 21, 0, -3 }))
    assert.equal("1:15:17-20@0/30", core.without("1:15:17-20@0/30", {}))
  end)

  it("rests on nothing where seqs are named", function()
    assert.equal("1:15", core.without("1:15@0/30", { 16 }))
    assert.equal("1:14", core.without("1:15@0/30", { 15 }))
  end)

  it("takes out thousands, and writes no more ranges than a position has", function()
    local seqs = {}
    for i = 1, 4096 do seqs[i] = 2 * ((i * 1237) % 4096 + 1) end -- each once, shuffled
    local text = core.without("1:8193", seqs)
    assert.equal("1:1:3,5,7,", text:sub(1, 10))
    assert.equal(4096, select(2, text:gsub("[:,]%d+", "")) - 1)
    seqs[#seqs + 1] = 8194
    assert.equal("1:1", core.without("1:8195", seqs))
  end)

  it("says what is wrong with a position", function()
    local text, err = core.without("1:x", { 3 })
    assert.is_nil(text)
    assert.truthy(err:find("not of the form", 1, true))
  end)

  it("refuses what is no list of whole numbers", function()
    for _, seqs in ipairs({ { 1.5 }, { "2" }, { true }, { 2 ^ 70 }, { 0 / 0 } }) do
      assert.truthy(refuses(core.without, "1:15", seqs):find("whole numbers", 1, true))
    end
    assert.truthy(refuses(core.without, "1:15"):find("table expected", 1, true))
    assert.truthy(refuses(core.without, nil, {}):find("string expected", 1, true))
  end)
end)

describe("core.common", function()
  it("has what every position has", function()
    assert.equal("1:10:12-15,17-20", core.common({ "1:15:17-30", "1:10:12-20,22", "1:20" }))
    assert.equal("1:10", core.common({ "1:10:12", "1:10:13", "1:10:14" }))
  end)

  it("is on the lowest timeline, and not known is lowest", function()
    assert.equal("2:5", core.common({ "3:5", "2:6", "4:7" }))
    assert.equal("0:5", core.common({ "3:5", "6", "4:7" }))
  end)

  it("rests on what all rest on, and names what all name", function()
    assert.equal("1:15:17@0/30", core.common({ "1:15:17@0/30" }))
    assert.equal("1:15@0/40", core.common({ "1:15@0/30", "1:16@0/40", "1:15@0/20" }))
    assert.equal("1:15", core.common({ "1:15@0/30", "1:15", "1:15@0/30" }))
    assert.equal("1:15~3+1/9.9", core.common({ "1:15~3+1/9.9", "1:15@0/30~3+1/9.9" }))
  end)

  it("says what is wrong with one, wherever it stands", function()
    for at = 1, 3 do
      local list = { "1:1", "1:2", "1:3" }
      list[at] = "1:x"
      local text, err = core.common(list)
      assert.is_nil(text)
      assert.truthy(err:find("not of the form", 1, true))
    end
  end)

  it("refuses a list without positions", function()
    assert.truthy(refuses(core.common, {}):find("a list of positions expected", 1, true))
    assert.truthy(refuses(core.common, { 15 }):find("a list of positions expected", 1, true))
    assert.truthy(refuses(core.common, { "1\0" }):find("zero byte", 1, true))
    assert.truthy(refuses(core.common, "1:15"):find("table expected", 1, true))
  end)
end)

describe("core.hash", function()
  it("is what it has always been", function()
    local always = { [""] = 3130599718, a = 2847854171, foobar = 584148779,
      ["orders\00042"] = 3649918103, ["\255\128\127"] = 2858877335 }
    for text, hash in pairs(always) do assert.equal(hash, core.hash(text)) end
  end)

  it("is of texts only, since not every Lua writes a number alike", function()
    assert.truthy(refuses(core.hash, 1):find("string expected", 1, true))
  end)

  it("shares keys out evenly", function()
    for _, n in ipairs({ 2, 3, 8, 10 }) do
      local counts = {}
      for i = 1, 10000 do
        local lane = core.hash("orders\0" .. i) % n + 1
        counts[lane] = (counts[lane] or 0) + 1
      end
      for lane = 1, n do
        assert.is_true(math.abs(counts[lane] - 10000 / n) < 5 * math.sqrt(10000 / n))
      end
    end
  end)
end)

-- Says its name and whether that lives, then waits until it is killed. The name of the program
-- looks like the end of one, and like a zombie.
local NAMED = [[
  local comm = io.open("/proc/self/comm", "w")
  comm:write("x) Z 1 (")
  comm:close()
  local core = require "forgelog.core"
  io.write(tostring(core.process()), " ", tostring(core.lives(core.process() or "")), "\n")
  io.flush()
  core.poll(-1, "", 60)]]

local scripts = {}

-- The words for the shell that run a script.
local function words_of(text)
  scripts[text] = scripts[text] or support.path("script")
  support.write(scripts[text], text)
  return LUA .. " " .. scripts[text]
end

-- Such a process, where `before` stands in front of it in the shell, and `after` behind it.
local function named(before, after)
  local started = support.start(("%s %s %s"):format(before or "exec", words_of(NAMED), after or ""))
  support.wait_until(function() return started:output():find("\n", 1, true) end, "a name")
  local name, lives = started:output():match("^(%S+) (%S+)\n")
  return started, name, lives
end

local function kill(started)
  started:kill("KILL")
  started:wait()
end

describe("core.process and core.lives", function()
  -- Where a system does not name its processes, there is nothing to tell.
  local it = core.process() and it or pending
  it("name this process, which lives", function()
    local name = core.process()
    assert.is_nil(name:find("%s"))
    assert.equal(name, core.process())
    assert.is_true(core.lives(name))
  end)

  it("tell a process that lives from one that was killed", function()
    local started, name, lives = named()
    assert.equal("true", lives)
    assert.not_equal(core.process(), name)
    assert.is_true(core.lives(name))
    kill(started)
    assert.is_false(core.lives(name))
  end)

  it("take a zombie for gone, of which no parent has asked", function()
    local started, name = named("", "& echo $! >&2; exec sleep 60")
    assert.is_true(core.lives(name))
    local pid = started:errors():match("%d+")
    os.execute("kill -KILL " .. pid)
    support.wait_until(function() return core.lives(name) == false end, "the end")
    assert.truthy(support.read("/proc/" .. pid .. "/stat"):find(") Z ", 1, true))
    kill(started)
    assert.is_false(core.lives(name))
  end)

  it("take another start of the same number for gone", function()
    local place, started = core.process():match("^(.*:)(%d+)$")
    assert.is_false(core.lives(("%s%d"):format(place, started + 1)))
  end)

  it("know nothing of other machines, nor of what is no name", function()
    local name = core.process()
    for _, text in ipairs({ "", "x", name .. " ", name .. "\0", name .. ":1",
      name:gsub("^%x", function(digit) return digit == "a" and "b" or "a" end),
      (name:gsub(":%d+", ":1", 1)), (name:gsub("%d+:%d+$", "-1:1")),
      (name:gsub("%d+:%d+$", "0:1")) }) do
      assert.is_nil(core.lives(text))
    end
    assert.truthy(refuses(core.lives):find("string expected", 1, true))
  end)
end)

-- What takes rights that not everybody has: namespaces of one's own.
local function nothing() end -- in place of a spec that cannot be had here
local AS_NOBODY = "setpriv --reuid=65534 --clear-groups "
local may = support.run("unshare -mpf --mount-proc " .. AS_NOBODY .. "true")
-- Whether others may read this tree, as they may not where it is in the home of root.
local readable = support.run(("%s test -r '%s/Makefile'"):format(AS_NOBODY,
  os.getenv("FORGELOG_ROOT")))

describe("core.lives across namespaces", function()
  local it = core.process() and may and it or nothing

  it("knows nothing of processes that are numbered otherwise", function()
    local started, name, lives = named("exec unshare -mpf --mount-proc")
    assert.equal("true", lives)
    assert.is_nil(core.lives(name))
    kill(started)
    assert.is_nil(core.lives(name))
  end)

  it("has no name where /proc numbers processes otherwise", function()
    local started, name, lives = named("exec unshare -pf")
    assert.equal("nil nil", name .. " " .. lives)
    kill(started)
  end)

  local it_is = readable and it or nothing
  it_is("does not take a process that is hidden from it for gone", function()
    local ask = "setpriv --reuid=65534 --regid=65534 --clear-groups "
      .. words_of('print(require("forgelog.core").lives(arg[1]))')
    local script = support.path("hidden")
    support.write(script, ([[
      mount -o remount,hidepid=2 /proc
      %s | {
        read -r name lives
        pid=${name%%:*}
        pid=${pid##*:}
        %s "$name"
        %s "${name%%:*:*}:9999:5"
        kill -KILL "$pid"
      }]]):format(words_of(NAMED), ask, ask))
    local _, output = support.run("exec unshare -mpf --mount-proc sh " .. script)
    assert.equal("nil\nfalse\n", output)
  end)
end)

describe("core.run", function()
  it("returns how a shell command ended", function()
    assert.same({ 0 }, { core.run("true") })
    assert.same({ 3 }, { core.run("exit 3") })
    assert.same({ nil, 15 }, { core.run("kill -TERM $$") })
  end)
end)

describe("core.lock", function()
  it("is had by one process as long as that lives, and its file tells by which", function()
    local path = support.path("lock")
    local other = support.lua([[local core = require "forgelog.core"
      print(core.lock(...), core.lock(...))
      io.stdout:flush()
      core.poll(nil, "", 60)]], path)
    support.wait_until(function() return other:output() == "true\tfalse\n" end, "the lock")
    assert.is_false(core.lock(path))
    assert.matches("^%d+\n$", support.read(path))
    other:kill("KILL")
    other:wait()
    support.wait_until(function() return core.lock(path) end, "its end") -- it was killed
    local locked, why = core.lock("/nowhere/lock")
    assert.is_nil(locked)
    assert.equal("No such file or directory", why)
  end)
end)
