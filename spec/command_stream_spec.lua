-- forgelog drain and follow, as the installed command.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"
local terminal = require "support.terminal"

local db, log
before_each(function()
  db = support.database()
  log = assert(forgelog.connect(db))
  assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, n int); CREATE TABLE customers (id text PRIMARY KEY)"))
  assert(log:install())
  assert(log:watch("orders"))
  assert(log:watch("customers"))
end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

local function insert(from, to)
  assert(log:query("INSERT INTO orders SELECT g, g FROM generate_series($1::int, $2::int) g", from, to))
end

-- What it printed as JSON: a list of seqs, joined.
local function seqs(output)
  local list = {}
  for seq in output:gmatch('{"seq":(%d+),') do list[#list + 1] = seq end
  return table.concat(list, " ")
end

local function range(from, to)
  local list = {}
  for seq = from, to do list[#list + 1] = ("%d"):format(seq) end
  return table.concat(list, " ")
end

local function drain(arguments, expected)
  local status, output, errors = command.run(db, "drain --format json " .. (arguments or ""))
  assert.equal(expected or 0, status, errors)
  return seqs(output), errors
end

local function saved(name)
  local row = assert(log:query("SELECT position FROM forge_change_log_consumers WHERE name = $1", name))[1]
  return row and row.position:match("^%d+:(.*)$")
end

describe("forgelog drain", function()
  it("prints text, JSON and TSV", function()
    assert(log:query("INSERT INTO customers VALUES (E'a\tb\\\\c\27[31m\"'); INSERT INTO orders VALUES (7, 1)"))
    assert(log:query("UPDATE orders SET n = 2"))
    local _, text = command.run(db, "drain")
    local day = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d"
    assert.matches("^     1  " .. day .. "  INSERT    customers  a\\x09b\\c\\x1b%[31m\"\n     2  " .. day
      .. "  INSERT    orders     7\n     3  " .. day .. "  UPDATE    orders     7  %(n%)\n$", text)
    local _, colored = command.run(db, "drain --color always")
    assert.matches("\27%[32mINSERT\27%[0m", colored)
    local _, lines = command.run(db, "drain --format json")
    local changes, decode = {}, require("dkjson").decode
    for line in lines:gmatch("[^\n]+") do changes[#changes + 1] = decode(line, 1, false) end
    local i = 0
    for change in log:drain(0) do
      i = i + 1
      changes[i].created_at = ("%.6f"):format(changes[i].created_at)
      change.created_at = ("%.6f"):format(change.created_at)
      change.row_id, change.changed_cols = change.row_id or false, change.changed_cols or false
      assert.same(change, changes[i])
    end
    assert.equal(3, i)
    -- COPY reads what it prints
    assert(log:query("CREATE TABLE again (LIKE forge_change_log)"))
    assert(support.run(command.line(db, "drain --format tsv") .. " | psql -qX -d '" .. db .. "' -c 'COPY again FROM STDIN'"))
    assert.same({}, log:query("TABLE again EXCEPT TABLE forge_change_log"))
    assert.equal(3, log:query("SELECT count(*) AS n FROM again")[1].n)
  end)

  it("keeps to --since, --limit and --tables", function()
    insert(1, 20)
    assert(log:query("INSERT INTO customers VALUES ('x'), ('y')"))
    assert.equal(range(1, 22), (drain()))
    assert.equal(range(16, 22), (drain("--since 15")))
    assert.equal(range(16, 18), (drain("--since 1:15 --limit 3")))
    assert.equal("", (drain("--limit 0")))
    assert.equal(range(21, 22), (drain("--tables customers")))
    assert.equal(range(1, 22), (drain("--tables customers,orders")))
    assert.equal("22", (drain("--since beginning --tables customers nosuch --since 21")))
    assert.equal("", (drain("--since now")))
  end)

  it("ends quietly when nobody reads on", function()
    insert(1, 30000)
    local ok, output, errors = support.run("{ " .. command.line(db, "drain --name head --format json")
      .. "; echo \"status $?\" >&2; } | head -n 2")
    assert.is_true(ok)
    assert.equal("1 2", seqs(output))
    assert.equal("status 0\n", errors)
    -- what nobody has read is there again
    local done = tonumber(saved("head") or 0)
    assert.is_true(done < 29000, tostring(done))
    assert.equal(range(done + 1, 30000), (drain("--name head")))
  end)

  it("goes on by name and by file, whatever the tables", function()
    insert(1, 10)
    local file = support.path("position")
    for _, where in ipairs({ "--name a", "--position-file " .. file }) do
      assert.equal(range(1, 4), (drain("--limit 4 " .. where)))
      assert.equal(range(5, 7), (drain("--limit 3 --batch 2 " .. where)))
      assert.equal(range(8, 10), (drain(where)))
      assert.equal("", (drain(where)))
    end
    assert.equal("10", saved("a"))
    assert.equal("", (drain("--name b --tables customers")))
    assert.equal("10", saved("b"))
    local found, errors = drain("--name a --since 3")
    assert.equal("", found)
    assert.matches("going on from the saved position 1:10, not from %-%-since\n$", errors)
    assert.equal("", (drain("--name c --since now")))
    insert(11, 11)
    assert.equal("11", (drain("--name c --since now")))
    -- where it began is kept, though nothing came: once trimmed, it is a gap
    assert.equal("", (drain("--name d --since 11")))
    insert(12, 13)
    assert(log:trim(os.time() + 60, { min_rows = 1 }))
    assert.matches("trimmed", select(2, drain("--name d", 1)))
  end)

  it("tells a gap, and how to go on", function()
    insert(1, 10)
    assert.equal("1 2", (drain("--name a --limit 2")))
    assert(log:trim(os.time() + 60, { min_rows = 3 }))
    local found, errors = drain("--name a", 1)
    assert.equal("", found)
    assert.matches("^forgelog: trimmed: [^\n]+; hint: take the new position %(forgelog position%), read the tables anew, "
      .. "forgelog forget a, then go on with %-%-since it\n$", errors)
    local status, output = command.run(db, "position")
    assert.equal("0 1:10\n", status .. " " .. output)
    insert(11, 12)
    assert.equal("forgot a, which was at 1:2\n", select(2, command.run(db, "forget a")))
    assert.equal("11 12", (drain("--name a --since 1:10")))
    assert.equal("there was no consumer nobody\n", select(2, command.run(db, "forget nobody")))
  end)

  it("gives batches to a command, again where it fails, and saves after", function()
    insert(1, 5)
    local out, count = support.path("out"), support.path("count")
    local try = ("n=$(cat %s 2>/dev/null || echo 0); echo $((n + 1)) >%s; cat >>%s; test $n -ge 2"):format(count, count, out)
    local status, output, errors = command.run(db, ("drain --name e --batch 3 --exec '%s'"):format(try))
    assert.equal(0, status, errors)
    assert.equal("", output)
    assert.equal(2, select(2, errors:gsub("the command failed with status 1: [^\n]*; trying again\n", "")))
    local _, received = support.run("cat " .. out)
    assert.equal("1 2 3 1 2 3 1 2 3 4 5", seqs(received))
    assert.equal("5", saved("e"))
    insert(6, 6)
    status, _, errors = command.run(db, "drain --name e --exec 'exit 7'")
    assert.equal(1, status)
    assert.matches("failed with status 7: exit 7\n$", errors)
    assert.equal("5", saved("e"))
    assert.equal("6", (drain("--name e")))
  end)

  it("gives nothing while it cannot know what is settled, and says who is in the way", function()
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders VALUES (1, 1)"))
    insert(2, 2)
    local found, errors = drain("--settle 100ms", 1)
    assert.equal("", found)
    assert.matches("were open before this connection and still are; forgelog status tells which; hint: forgelog follow", errors)
    assert(writer:query("COMMIT"))
    writer:close()
    assert.equal("1 2", (drain()))
  end)

  it("is one of its name", function()
    local other = command.start(db, "follow --name one")
    support.wait_until(function() return #log:status().consumers > 0 or log:query("SELECT pid FROM pg_locks"
      .. " WHERE locktype = 'advisory' AND classid = 1179603527")[1] end, "it to follow")
    local _, errors = drain("--name one", 1)
    assert.matches("another consumer named one is running", errors)
    assert.equal(1, (command.run(db, "forget one")))
    other:kill()
    assert(other:wait())
    assert.equal("", (drain("--name one")))
  end)

  it("by name behind a pooler leaves no claim behind", function()
    local pooler = require("support.pooler").start(db)
    insert(1, 3)
    local status, output, errors = command.run(pooler.conninfo, "drain --name p --format json --limit 2")
    assert.equal("0 1 2", status .. " " .. seqs(output), errors)
    assert.equal("3", (drain("--name p")))
    pooler:stop()
  end)

  it("shows how far it is where that takes long", function()
    insert(1, 3000)
    local screen = terminal.start(command.line(db, "drain --batch 500 --exec 'sleep 0.4'"))
    screen:expect("%[=+ *%] +%d+ %%  %d+ of 3000 seqs, %d+ s left")
    assert.is_nil(screen:expect("ended with 0", 30):find("of 3000", 1, true))
    screen:close()
  end)
end)
