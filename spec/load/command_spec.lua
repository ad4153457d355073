-- The command where it is killed under load, where the server goes away, and where two nodes do
-- the same work.
local command = require "support.command"
local logs = require "support.logs"
local pooler = require "support.pooler"
local process = require "support.process"
local relay = require "support.relay"
local support = require "support"

local db, log
before_each(function() db, log = command.database() end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

describe("forgelog follow", function()
  local ROUNDS = support.scale(6)

  -- Lines that were appended to a file so far.
  local function lines_in(path) return select(2, support.read(path):gsub("\n", "")) end

  -- A line that a kill has cut off is followed by the next one, or by nothing.
  local function whole_lines(text) return (text:gsub("{[^}\n]*$", ""):gsub("{[^}\n]*{", "{")) end

  for _, store in ipairs({ "name", "position-file" }) do
    it(("killed and resumed by --%s under load loses nothing"):format(store), function()
      local out = process.file("")
      local place = ("--%s %s"):format(store, store == "name" and "k" or support.path("position"))
      local load = support.pgbench { conninfo = db, clients = 6, seconds = 300, scripts = {
        { text = "INSERT INTO orders (n) VALUES (1);", weight = 5 },
        { text = "BEGIN;\nINSERT INTO orders (n) VALUES (1);\n\\sleep 20 ms\nCOMMIT;", weight = 2 },
        { text = "BEGIN;\nINSERT INTO orders (n) VALUES (1);\nROLLBACK;" },
      } }
      for _ = 1, ROUNDS do
        local before = lines_in(out)
        local following = command.start(db,
          ("follow --batch 20 --format json %s >>%s"):format(place, out))
        support.wait_until(function() return lines_in(out) > before + 50 end, "some changes")
        assert.is_true(support.alive(load.process))
        following:kill("KILL")
        following:wait()
      end
      load:stop()
      support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
      local written = log:query("SELECT count(*) AS n FROM forge_change_log")[1].n
      local last = command.start(db, "follow --format json " .. place)
      local function all() return command.tally(whole_lines(support.read(out) .. last:output())) end
      support.wait_until(function() return all() >= written end, "the rest", 20)
      last:kill("KILL")
      last:wait()
      local different, twice = all()
      support.note("follow --%s: %d commits written, %d kills, lost %d, twice %d", store, written,
        ROUNDS, written - different, twice)
      assert.equal(written, different)
      assert.is_true(written > 100 and ROUNDS > 2)
    end)
  end
end)

describe("forgelog drain", function()
  it("gives up a command that fails ten times, and saves nothing", function()
    assert(log:query("INSERT INTO orders (n) VALUES (1)"))
    command.says(db, "INSERT", "drain --name e")
    assert(log:query("INSERT INTO orders (n) VALUES (2)"))
    local status, output, errors = command.run(db, "drain --name e --exec 'exit 7'")
    assert.same({ 1, "" }, { status, output })
    assert.matches("failed with status 7: exit 7\n$", errors)
    assert.equal(9, select(2, errors:gsub("failed with status 7: exit 7; trying again\n", "")))
    assert.equal("1", command.saved(log, "e"))
    assert.equal("2", command.seqs((command.says(db, "", "drain --name e --format json"))))
  end)

  it("by name behind a pooler leaves no claim behind", function()
    local pool = pooler.start(db)
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 3) g"))
    local drain = "drain --name p --format json"
    local status, output, errors = command.run(pool.conninfo, drain .. " --limit 2")
    assert.equal("0 1 2", status .. " " .. command.seqs(output), errors)
    assert.equal("3", command.seqs((command.says(db, "", drain))))
    pool:stop()
  end)
end)

describe("an --exec command that outlives the connection", function()
  -- A shell command that adds its batch to a file, and then ends every session of forgelog.
  local function outliving(file)
    local own = log:query("SELECT pg_backend_pid() AS pid")[1].pid
    local cut = ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> %d"
      .. " AND application_name = 'forgelog' AND datname = current_database()"):format(own)
    return process.quote(("cat >>%s; psql -XAtqc %s"):format(file, process.quote(cut)))
  end

  local function insert(count)
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, $1::int) g", count))
  end

  -- Runs and changes that the file of a command knows of.
  local function done(file) return command.tally(support.read(file)) end

  it("of drain does its work once, and the next drain has nothing to do", function()
    insert(7)
    for _, where in ipairs { "--name n", "--position-file " .. support.path("position"), "" } do
      local file = process.file("")
      local status, _, errors = command.run(db,
        ("drain --batch 3 %s --exec %s"):format(where, outliving(file)))
      local different, twice = done(file)
      support.note("drain %s: %d changes done, %d of them twice", where, different, twice)
      assert.same({ 0, 7, 0 }, { status, different, twice }, errors)
      -- With a file the position is saved all the same, and nothing more is to be read.
      assert.equal(where == "--name n", errors:find("; connecting again\n") ~= nil, errors)
      if where ~= "" then
        assert.equal("", command.says(db, "", "drain --format json " .. where))
      end
    end
    assert.equal("7", command.saved(log, "n"))
  end)

  it("of drain does its work once although the network dropped the connection", function()
    local between = relay.start(db)
    insert(4)
    local file = process.file("")
    local drop = process.quote(("cat >>%s; kill -USR1 %s"):format(file, between.process.pid))
    local status, _, errors = command.run(between.conninfo,
      "drain --timeout 1s --batch 2 --name n --exec " .. drop)
    between:stop()
    assert.equal(0, status, errors)
    assert.same({ 4, 0 }, { done(file) }, errors)
    assert.equal("4", command.saved(log, "n"))
  end)

  it("of drain gives up within --timeout where the server stays away, and says so", function()
    local server = support.server()
    local away, own = logs.installed(server.conninfo, { orders = "id int PRIMARY KEY" })
    assert(own:query("INSERT INTO orders VALUES (1)"))
    own:close()
    local file = process.file("")
    local postmaster = server.dir .. "/data/postmaster.pid"
    local kill = ("cat >>%s; kill -QUIT $(head -n 1 %s); while [ -e %s ]; do sleep 0.05; done")
      :format(file, postmaster, postmaster)
    local started = logs.now()
    local status, _, errors = command.run(away,
      "drain --name n --timeout 1s --exec " .. process.quote(kill))
    local took = logs.now() - started
    server:stop()
    assert.equal(1, status, errors)
    assert.matches("; connecting again\nforgelog: [^\n]*\n$", errors)
    assert.equal(1, (done(file)))
    assert.is_true(took < logs.at_most(5), took)
  end)

  it("of follow does its work once, and tells the batch of a command that failed", function()
    insert(4)
    local file = process.file("")
    local following = command.start(db,
      "follow --batch 2 --limit 4 --name n --exec " .. outliving(file))
    local ok, _, errors = following:wait()
    assert.is_true(ok, errors)
    local different, twice = done(file)
    support.note("follow: %d changes done, %d of them twice", different, twice)
    assert.same({ 4, 0 }, { different, twice })
    assert.equal("4", command.saved(log, "n"))
    insert(2)
    following = command.start(db, "follow --name n --exec 'exit 7'")
    support.wait_until(function()
      return following:errors():find("failed with status 7: exit 7 (2 changes, seq 5 to 6); "
        .. "trying again\n", 1, true)
    end, "the batch to be told")
  end)
end)

describe("a command that goes on and on", function()
  local server, away, own
  setup(function() server = support.server() end)
  teardown(function() server:stop() end)
  before_each(function() away, own = logs.installed(server.conninfo) end)

  local function told_of_the_loss(running)
    support.wait_until(function() return running:errors():find("No such file", 1, true) end,
      "word of the loss")
  end

  it("appends to a file with status --watch, and goes on when the server is back", function()
    local following = command.start(away, "status --watch --interval 0.1s")
    local function looks()
      return select(2, following:output():gsub("changes      0; the log is empty\n", ""))
    end
    support.wait_until(function() return looks() >= 3 end, "three looks")
    own:close()
    server:stop()
    told_of_the_loss(following)
    local before = looks()
    server:start()
    support.wait_until(function() return looks() > before end, "another look")
    following:kill("TERM")
    local ok, output = following:wait()
    assert.is_true(ok)
    assert.is_nil(output:find("\27", 1, true))
  end)

  it("goes on with trim --every when the server is back", function()
    logs.fill(own, 5)
    local node = command.start(away, "trim --older-than 0 --min-rows 0 --every 0.1s")
    support.wait_until(function() return not own:min_seq() end, "a trim")
    own:close()
    server:stop()
    told_of_the_loss(node)
    server:start()
    own = logs.connect(away)
    logs.fill(own, 5)
    support.wait_until(function() return not own:min_seq() end, "another trim")
    node:kill("TERM")
    assert(node:wait())
    own:close()
  end)
end)

describe("forgelog trim", function()
  -- Sessions that hold the lock of trimmers in this database.
  local HOLDERS = [[
    SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND granted
       AND classid::int8 << 32 | objid::int8 = ]] .. logs.TRIMMER .. [[

       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]]

  -- What each node says that it has deleted, and how often both of them were told that the other
  -- one trims.
  local function account(nodes)
    local by, busy = {}, 0
    for i, node in ipairs(nodes) do
      local said = node:output()
      by[i] = 0
      for count in said:gmatch("deleted ([%d,]+) change") do
        by[i] = by[i] + tonumber((count:gsub(",", "")))
      end
      busy = busy + select(2, said:gsub("another session is trimming", ""))
    end
    return by, busy
  end

  it("of two nodes one works at a time, and each change is deleted once", function()
    assert(log:query("INSERT INTO forge_change_log (table_name, op, created_at)"
      .. " SELECT 'x', 'INSERT', now() - interval '1 day' FROM generate_series(1, 60000)"))
    local writers = support.pgbench { conninfo = db, clients = 2, seconds = 300,
      script = "INSERT INTO orders (n) VALUES (1);" }
    local nodes, most = {}, 0
    for i = 1, 2 do
      nodes[i] = command.start(db, "trim --older-than 0 --min-rows 100 --every 0.05s")
    end
    support.wait_until(function()
      most = math.max(most, log:query(HOLDERS)[1].n)
      local by, busy = account(nodes)
      return (log:min_seq() or 0) > 60050 and most > 0 and (busy > 0 or by[1] > 0 and by[2] > 0)
    end, "both nodes to have met", 60)
    writers:stop()
    support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
    local last = log:max_seq()
    support.wait_until(function() return (log:min_seq() or 0) >= last - 100 end, "the rest")
    for _, node in ipairs(nodes) do
      node:kill()
      assert(node:wait())
    end
    local by, busy = account(nodes)
    local deleted = by[1] + by[2]
    support.note("two nodes deleted %d and %d of %d, %d times busy, %d holders of the lock at once",
      by[1], by[2], last, busy, most)
    assert.equal(last - log:query("SELECT count(*) AS n FROM forge_change_log")[1].n, deleted)
    assert.is_true(deleted > 60000 and (busy > 0 or by[1] > 0 and by[2] > 0))
    assert.equal(1, most)
  end)
end)
