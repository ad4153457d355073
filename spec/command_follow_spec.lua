-- forgelog follow, as the installed command: killed and resumed, interrupted, cut off.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"
local terminal = require "support.terminal"

local db, log, running
before_each(function()
  db = support.database()
  log = assert(forgelog.connect(db))
  assert(log:query("CREATE TABLE orders (id bigserial PRIMARY KEY, n int)"))
  assert(log:install())
  assert(log:watch("orders"))
  running = {}
end)
after_each(function()
  command.stop()
  for _, process in ipairs(running) do
    if process.pipe then process:kill("KILL") end
    process:wait()
  end
  log:close()
  support.drop(db)
end)

local function follow(arguments)
  running[#running + 1] = command.start(db, "follow " .. arguments)
  return running[#running]
end

local function insert(count) assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, $1::int) g", count)) end

local function read(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

local function lines_in(path) return select(2, read(path):gsub("\n", "")) end

-- How often each seq is in it: the number of different ones, and of those that came more than once.
local function tally(text)
  local seen, different, twice = {}, 0, 0
  for seq in text:gmatch('"seq":(%d+)') do
    if not seen[seq] then different = different + 1 elseif seen[seq] == 1 then twice = twice + 1 end
    seen[seq] = (seen[seq] or 0) + 1
  end
  return different, twice
end

describe("forgelog follow", function()
  it("prints changes as they are committed, and ends at its limit", function()
    insert(2)
    local following = follow("--format json --limit 4")
    support.wait_until(function() return tally(following:output()) == 2 end, "what was there")
    insert(3)
    local ok, output, errors = following:wait()
    assert.is_true(ok)
    assert.equal("", errors)
    assert.equal(4, (tally(output)))
  end)

  it("begins now when told so, and loses nothing from there", function()
    insert(5)
    local following = follow("--since now --name n --format json")
    support.wait_until(function() return log:status().consumers[1] end, "a position")
    following:kill("KILL")
    following:wait()
    insert(2)
    assert(following and follow("--since now --name n --format json --limit 2"):wait())
    assert.equal(2, (tally(running[2].stdout)))
  end)

  it("killed and resumed by name under load loses nothing", function()
    for _, place in ipairs({ "--name k", "--position-file " .. support.path("position") }) do
      local out = support.path("out")
      local load = support.pgbench { conninfo = db, clients = 6, seconds = support.scale(4), scripts = {
        { text = "INSERT INTO orders (n) VALUES (1);", weight = 5 },
        { text = "BEGIN;\nINSERT INTO orders (n) VALUES (1);\n\\sleep 20 ms\nCOMMIT;", weight = 2 },
        { text = "BEGIN;\nINSERT INTO orders (n) VALUES (1);\nROLLBACK;" },
      } }
      local kills, before = 0, 0
      local alive = true
      while alive do
        local following = support.start("exec " .. command.line(db, "follow --batch 20 --format json " .. place) .. " >>" .. out)
        running[#running + 1] = following
        support.wait_until(function()
          alive = os.execute("kill -0 " .. load.process.pid .. " 2>/dev/null") == (_VERSION == "Lua 5.1" and 0 or true)
          return not alive or lines_in(out) > before + 50
        end, "some changes")
        before = lines_in(out)
        following:kill("KILL")
        following:wait()
        kills = kills + 1
      end
      load:wait()
      local written = log:query("SELECT count(*) AS n FROM forge_change_log")[1].n
      local last = follow("--format json " .. place)
      local function all()
        local text = read(out) .. last:output()
        return tally((text:gsub("{[^}\n]*$", ""):gsub("{[^}\n]*{", "{")))
      end
      support.wait_until(function() return all() >= written end, "the rest", 20)
      last:kill("KILL")
      last:wait()
      local different, twice = all()
      support.note("follow %s: %d commits written, %d kills, lost %d, twice %d", place:match("%-%-%a+"), written, kills,
        written - different, twice)
      assert.equal(written, different)
      assert.is_true(written > 100 and kills > 2)
      assert(log:query("TRUNCATE orders, forge_change_log, forge_change_log_consumers"))
    end
  end)

  it("saves its position and says where it stands at Ctrl-C and TERM", function()
    insert(3)
    local screen = terminal.start(command.line(db, "follow --name t"))
    assert.matches("     3  [^\n]+INSERT    orders    3", screen:expect("orders    3"))
    assert.truthy(screen:screen(true):find("\27[32mINSERT", 1, true))
    screen:type("C-c")
    local shown = screen:expect("ended with 0")
    assert.matches("forgelog: stopped at position 1:3, saved\n", shown)
    screen:close()
    assert.equal("1:3", log:query("SELECT position FROM forge_change_log_consumers")[1].position)
    local following = follow("--since 1")
    support.wait_until(function() return following:output():find("orders    3") end, "the changes")
    following:kill("TERM")
    local ok, _, errors = following:wait()
    assert.is_true(ok)
    assert.equal("forgelog: stopped at position 1:3; go on with --since 1:3\n", errors)
  end)

  it("ends quietly when nobody reads on", function()
    insert(3)
    local ok, output, errors = support.run("{ " .. command.line(db, "follow --format json")
      .. "; echo \"status $?\" >&2; } | head -n 1")
    assert.is_true(ok)
    assert.equal(1, (tally(output)))
    assert.equal("status 0\n", errors)
  end)

  it("gives each batch to a command until that succeeds", function()
    local out, count = support.path("out"), support.path("count")
    insert(4)
    local try = ("n=$(cat %s 2>/dev/null || echo 0); echo $((n + 1)) >%s; test $n -ge 2 && cat >>%s"):format(count, count, out)
    local following = follow("--name x --exec '" .. try .. "'")
    support.wait_until(function() return tally(read(out)) == 4 end, "the third try")
    insert(1)
    support.wait_until(function() return tally(read(out)) == 5 end, "the next change")
    following:kill()
    local ok, _, errors = following:wait()
    assert.is_true(ok)
    assert.same({ 5, 0 }, { tally(read(out)) })
    assert.matches("^forgelog: the command failed with status 1: [^\n]+; trying again\n"
      .. "forgelog: stopped at position 1:5, saved\n$", errors)
  end)

  it("goes on after its connection was cut, and tells it", function()
    local following = follow("--format json")
    insert(1)
    support.wait_until(function() return tally(following:output()) == 1 end, "the first")
    assert(log:query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'forgelog'"
      .. " AND datname = current_database() AND pid <> pg_backend_pid()"))
    insert(1)
    support.wait_until(function() return tally(following:output()) == 2 end, "the second")
    following:kill("INT")
    local ok, _, errors = following:wait()
    assert.is_true(ok)
    assert.matches("^forgelog: [^\n]+; trying again\n", errors)
  end)

  it("ends with 1 where it cannot begin, and at a gap", function()
    insert(5)
    assert(log:trim(os.time() + 60, { min_rows = 1 }))
    local status, output, errors = command.run(db, "follow --since 2")
    assert.equal("1 ", status .. " " .. output)
    assert.matches("^forgelog: trimmed: [^\n]+; hint: take the new position [^\n]+\n$", errors)
    status, output, errors = command.run("host=/nowhere port=1 user=x dbname=x", "follow")
    assert.equal("1 ", status .. " " .. output)
    assert.matches("^forgelog: [^\n]+; hint: give [^\n]+\n$", errors)
  end)

  it("has one of each name follow; the other takes over", function()
    local first = follow("--name h --format json")
    insert(1)
    support.wait_until(function() return tally(first:output()) == 1 end, "the first")
    local second = follow("--name h --format json")
    support.wait_until(function()
      return read(second.err):find("another consumer named h is running; trying again", 1, true)
    end, "the second to wait")
    first:kill("KILL")
    first:wait()
    insert(1)
    support.wait_until(function() return tally(second:output()) >= 1 end, "the second to take over")
    second:kill()
    assert(second:wait())
    assert.matches('"seq":2', second.stdout)
  end)
end)
