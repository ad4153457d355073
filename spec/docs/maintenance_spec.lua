-- examples/maintenance: the units' and crontab's command lines as they stand there, and two nodes
-- that trim.
local command = require "support.command"
local exposition = require "support.exposition"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local must, quote = logs.must, process.quote
local folder = os.getenv("FORGELOG_ROOT") .. "/examples/maintenance/"
local PASSWORD = "a secret of many words"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text, mode)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  assert(support.run(("chmod %s %s"):format(mode or "644", quote(path))))
end

-- Place: a folder that stands for /etc/forgelog and the collector's folder.
local server, db, log, place

-- What the examples say, where things are here.
local function here(text)
  for there, path in pairs({ ["/usr/local/bin/forgelog"] = command.prefix() .. "/bin/forgelog",
    ["/etc/forgelog"] = place, ["/var/lib/prometheus/node-exporter"] = place .. "/textfiles" }) do
    text = text:gsub(there:gsub("%p", "%%%0"), (path:gsub("%%", "%%%%")))
  end
  return text
end

-- The log is in public, the roles are those of roles.sql and must give their passwords, which are
-- in pgpass alone.
setup(function()
  server = support.server()
  db, log = logs.installed(server.conninfo)
  place = support.path("etc")
  assert(support.run(("mkdir -p %s/textfiles %s/handlers"):format(place, place)))
  assert(support.run(("psql -Xq -d %s -f %sroles.sql"):format(quote(db), folder)))
  local lines = {}
  for _, role in ipairs({ "forgelog_trimmer", "forgelog_monitor", "forgelog_reader" }) do
    must(log, ("ALTER ROLE %s PASSWORD '%s'"):format(role, PASSWORD))
    server:hba(("host all %s 127.0.0.1/32 scram-sha-256"):format(role))
    lines[#lines + 1] = ("*:*:*:%s:%s\n"):format(role, PASSWORD)
  end
  write(place .. "/pgpass", table.concat(lines), "600")
  write(place .. "/pg_service.conf",
    (read(folder .. "pg_service.conf"):gsub("host=%S+", "host=127.0.0.1")
    :gsub("port=%d+", "port=" .. db:match("port=(%d+)")):gsub("dbname=%S+", "dbname="
      .. db:match("dbname=(%S+)"))))
end)
teardown(function()
  log:close()
  server:stop()
end)

-- Changes older than those of any other test.
local function age(count)
  logs.fill(log, count)
  must(log, "UPDATE forge_change_log SET created_at = created_at - interval '3 days'")
end

-- A unit's settings: by their name the list of what they were set to.
local function unit(name)
  local settings = {}
  for line in read(folder .. name):gmatch("[^\n]+") do
    local key, value = line:match("^(%u%w+)=(.*)$")
    if key then
      settings[key] = settings[key] or {}
      table.insert(settings[key], value)
    else
      assert(line:match("^#") or line:match("^%[%u%l+%]$"), "not a line of a unit: " .. line)
    end
  end
  return settings
end

-- A service's command as systemd would run it: with no environment but its own, in its folder.
local function service(name, instance)
  local settings = unit(name)
  local words = { "env -i PATH=/usr/bin:/bin", table.concat(settings.Environment, " ") }
  for _, file in ipairs(settings.EnvironmentFile or {}) do
    local path = here((file:gsub("%%i", instance):gsub("^%-", "")))
    words[#words + 1] = read(path):gsub("\n", " ")
  end
  words[#words + 1] = settings.ExecStart[1]:gsub("%%i", instance or "")
  return ("umask %s; cd %s && exec %s"):format(settings.UMask[1], here(settings.WorkingDirectory and
    settings.WorkingDirectory[1] or "/"), here(table.concat(words, " ")))
end

local function units(pattern)
  local list = {}
  local pipe = io.popen("cd " .. quote(folder) .. " && ls")
  for name in pipe:lines() do
    if name:find(pattern) then list[#list + 1] = name end
  end
  pipe:close()
  return list
end

describe("the systemd units", function()
  it("hold no password, run as a user without rights, and may do little else", function()
    local names = units("%.service$")
    assert.equal(3, #names)
    for _, name in ipairs(names) do
      local settings = unit(name)
      assert.is_nil(read(folder .. name):lower():find("password=", 1, true))
      assert.same({ { "forgelog" }, { "strict" }, { "yes" }, { "yes" }, { "" } },
        { settings.User, settings.ProtectSystem,
        settings.NoNewPrivileges, settings.PrivateTmp, settings.CapabilityBoundingSet })
    end
    for _, name in ipairs(units("%.timer$")) do
      assert.truthy(unit((name:gsub("timer$", "service"))).ExecStart)
      assert.same({ "timers.target" }, unit(name).WantedBy)
    end
  end)

  it("are what systemd understands", function()
    if not support.run("command -v systemd-analyze") then return pending(
      "systemd-analyze is not to be had here") end
    local copies = support.path("units")
    assert(support.run(
      ("mkdir %s && cp %s*.service %s*.timer %s"):format(copies, folder, folder, copies)))
    assert(support.run(
      ("sed -i 's#/usr/local/bin/forgelog#%s/bin/forgelog#' %s/*.service"):format(command.prefix(),
      copies)))
    local ok, output, errors = support.run(
      ("cd %s && SYSTEMD_UNIT_PATH=%s: systemd-analyze verify --man=no *.service *.timer")
      :format(copies, copies))
    assert.is_true(ok, output .. errors)
    assert.is_nil((output .. errors):match("[^\n]*forgelog[^\n]*"))
  end)

  it("trim", function()
    age(1200)
    local before = log:min_seq()
    local ok, output, errors = support.run(service("forgelog-trim.service"))
    assert.is_true(ok, errors)
    assert.equal("", output .. errors)
    assert.equal(before + 200, log:min_seq())
  end)

  it("write metrics that are whole at any time, and stay as they were after a failure", function()
    local run, file = service("forgelog-metrics.service"), place .. "/textfiles/forgelog.prom"
    local ok, output, errors = support.run(run)
    assert.is_true(ok, errors)
    assert.equal("", output .. errors)
    local text = read(file)
    assert.equal(log:max_seq(), exposition.parse(text):value("forgelog_seq_max"))
    local _, mode = support.run("stat -c %a " .. file)
    assert.equal("644\n", mode)
    logs.fill(log, 1)
    must(log, "ALTER ROLE forgelog_monitor NOLOGIN")
    ok, output, errors = support.run(run)
    must(log, "ALTER ROLE forgelog_monitor LOGIN")
    assert.is_false(ok)
    assert.equal("", output)
    assert.matches("^forgelog: .*not permitted to log in", errors)
    assert.equal(text, read(file))
    assert(support.run(run))
    assert.equal(log:max_seq(), exposition.parse(read(file)):value("forgelog_seq_max"))
    local _, left = support.run("ls " .. place .. "/textfiles")
    assert.equal("forgelog.prom\n", left)
  end)

  it("follow, and end when the handler is done", function()
    local out, hold = support.path("out"), support.path("hold")
    write(place .. "/handlers/search",
      ("#!/bin/sh\necho >>%s\nwhile [ -e $HOLD ]; do sleep 0.05; done\ncat >>$OUT\n"):format(
      hold .. ".seen"), "755")
    write(place .. "/search.env", ("OUT=%s\nHOLD=%s\n"):format(out, hold))
    write(out, "")
    local function delivered() return select(2, read(out):gsub('"row_id":"new"', "")) end
    local function change()
      must(log, "INSERT INTO forge_change_log (table_name, op, row_id, created_at) VALUES "
        .. "('item', 'INSERT', 'new', now())")
    end
    local run = service("forgelog-follow@.service", "search")
    local first = support.start(run)
    change()
    support.wait_until(function() return delivered() == 1 end, "the change")
    write(hold, "")
    assert(support.run(("rm -f %s.seen"):format(hold)))
    change()
    support.wait_until(function() return io.open(hold .. ".seen") end, "the handler to begin")
    -- KillMode=mixed: the signal is for the main process
    assert.equal("mixed", unit("forgelog-follow@.service").KillMode[1])
    assert(support.run("kill -TERM " .. first.pid))
    os.remove(hold)
    local ok, _, errors, status = first:wait()
    assert.is_true(ok, ("status %d: %s"):format(status, errors))
    assert.equal(2, delivered())
    local saved = must(log,
      "SELECT position FROM forge_change_log_consumers WHERE name = 'search'")[1].position
    assert.equal(log:max_seq(), tonumber(saved:match("^%d+:(%d+)@")))
    local second = support.start(run)
    change()
    support.wait_until(function() return delivered() == 3 end, "the next change")
    assert(support.run("kill -TERM " .. second.pid))
    assert.is_true((second:wait()))
    assert.equal(3, delivered())
  end)
end)

describe("the crontab", function()
  it("trims, and writes metrics", function()
    local settings, jobs = {}, {}
    for line in here(read(folder .. "crontab")):gmatch("[^\n]+") do
      local job = line:match("^[%d*]+ [%d*]+ [%d*]+ [%d*]+ [%d*]+ +(.+)$")
      if job then jobs[#jobs + 1] = job end
      if line:find("^%u+=") then settings[#settings + 1] = line end
    end
    assert.same({ 2, 2 }, { #settings, #jobs })
    age(1500)
    must(log, "DELETE FROM forge_change_log_consumers") -- nobody to be told that it was too early
    os.remove(place .. "/textfiles/forgelog.prom")
    for _, job in ipairs(jobs) do
      assert.is_nil(job:find("%", 1, true)) -- cron would take it for a line's end
      local ok, output, errors = support.run(
        ("exec env -i PATH=/usr/bin:/bin HOME=/ %s /bin/sh -c %s"):format(
        table.concat(settings, " "), quote(job)))
      assert.is_true(ok, errors)
      assert.equal("", output .. errors)
    end
    local shown = exposition.parse(read(place .. "/textfiles/forgelog.prom"))
    assert.equal(1000, shown:value("forgelog_changes"))
    assert.equal(must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n,
      shown:value("forgelog_changes"))
  end)
end)

describe("two-nodes", function()
  it("sees one node at a time at work, and hears the same from both", function()
    local env = {}
    for name, keyword in pairs({ PGHOST = "host", PGPORT = "port", PGUSER = "user" }) do
      env[#env + 1] = name .. "=" .. quote(server.conninfo:match(keyword .. "=(%S+)"))
    end
    local ok, output, errors = support.run(
      ("env -u LUA_PATH -u LUA_CPATH PGDATABASE=postgres %s FORGELOG=%s/bin/forgelog "
      .. "%stwo-nodes %d"):format(
      table.concat(env, " "), quote(command.prefix()), folder, support.scale(8)))
    for line in output:gmatch("[^\n]+") do support.note("two-nodes: %s", line) end
    assert.is_true(ok, errors)
    for node = 1, 2 do
      assert.matches(("node%%-%d: %%d+ rounds, [1-9]%%d+ changes deleted in [1-9]%%d* of them, "
        .. "[1-9]%%d* times told")
        :format(node), output)
    end
    assert.matches("the lock, held at [1-9]%d* of them .*, holders at once: max 1\n", output)
    assert.matches("[1-9]%d* batches deleted, holders meanwhile: max 1\n", output)
    local written, deleted, left = output:match(
      "changes: (%d+) written, (%d+) deleted, (%d+) left\n")
    assert.equal(written, deleted)
    assert.equal("0", left)
    assert.equal("f", support.psql("SELECT EXISTS (SELECT FROM pg_database WHERE datname ~ "
      .. "'two_nodes')", server.conninfo))
  end)
end)
