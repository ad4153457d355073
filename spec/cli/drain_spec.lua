-- forgelog drain: what it prints, where it begins and ends, and the positions it saves.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"

local db, log
before_each(function()
  db, log = command.database {
    orders = "id bigint PRIMARY KEY, n int", customers = "id text PRIMARY KEY" }
end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

local function insert(from, to)
  local sql = "INSERT INTO orders SELECT g, g FROM generate_series($1::int, $2::int) g"
  assert(log:query(sql, from, to))
end

local function range(from, to)
  local list = {}
  for seq = from, to do list[#list + 1] = ("%d"):format(seq) end
  return table.concat(list, " ")
end

-- Drains as JSON; returns the seqs, and what was written to standard error.
local function drain(arguments, expected)
  local status, output, errors = command.run(db, "drain --format json " .. (arguments or ""))
  assert.equal(expected or 0, status, errors)
  return command.seqs(output), errors
end

describe("forgelog drain", function()
  it("keeps to --since, --limit and --tables", function()
    insert(1, 20)
    assert(log:query("INSERT INTO customers VALUES ('x'), ('y')"))
    assert.equal(range(1, 22), (drain()))
    assert.equal(range(16, 22), (drain("--since 15")))
    assert.equal(range(16, 18), (drain("--since 1:15 --limit 3")))
    assert.equal("", (drain("--limit 0")))
    assert.equal(range(21, 22), (drain("--tables customers")))
    assert.equal(range(1, 22), (drain("--tables customers,orders")))
    assert.equal(range(1, 22), (drain("--tables customers --tables orders")))
    assert.equal("22", (drain("--since beginning --tables customers orders --since 21")))
    assert.equal("", (drain("--since now")))
  end)

  it("takes tables as watch does, and a comma within quotes as part of a name", function()
    assert(log:query('CREATE TABLE "a,""b" (id int)'))
    assert(log:watch('"a,""b"'))
    assert(log:query([[INSERT INTO orders VALUES (1); INSERT INTO "a,""b" VALUES (1);
      INSERT INTO forge_change_log (table_name, op)
      VALUES ('ipc:a,b', 'BROADCAST'), ('x"y', 'INSERT')]]))
    assert.equal("1", (drain("--tables Public.ORDERS")))
    assert.equal("1 2", (drain([[--tables 'orders,"a,""b"']])))
    assert.equal("1 4", (drain([[--tables 'orders,x"y']])))
    assert.equal("3", (drain("--channel ipc:a,b --channel ipc:c")))
    assert.equal("1 3", (drain("--tables orders --channel ipc:a,b")))
  end)

  it("fails for a table that it will never have, and saves nothing", function()
    insert(1, 2)
    assert(log:query('CREATE TABLE "Bare one" (id int)'))
    for arguments, told in pairs({
      ["--tables orders,custommers"] = "there is no table custommers here, nor a change of it in "
        .. "the log; is customers meant%?\n$",
      [ [[--tables '"Bare one"']] ] = 'table "Bare one" is not watched, and the log has no change '
        .. [[of it; run forgelog watch '"Bare one"' first]] .. "\n$",
    }) do
      command.fails(db, 1, told, "drain --name a --since 1 " .. arguments)
      command.fails(db, 1, told, "follow --name a --since 1 --limit 1 " .. arguments)
    end
    assert.equal(0, #log:query("SELECT FROM forge_change_log_consumers"))
  end)

  it("keeps to --op, --column and --key", function()
    insert(1, 2)
    assert(log:query("UPDATE orders SET n = 7 WHERE id = 1; DELETE FROM orders WHERE id = 2"))
    assert(log:query([[INSERT INTO forge_change_log (table_name, op, changed_cols) VALUES
      ('orders', 'UPDATE', '"a,b"'), ('orders', 'RELOAD', NULL)]]))
    assert.equal("4", (drain("--op delete")))
    assert.equal("4 6", (drain("--op Delete,RELOAD")))
    assert.equal("1 2 4", (drain("--op insert --op delete")))
    assert.equal("1 2 3 4 6", (drain("--column n")))
    assert.equal("5", (drain("--column 'a,b' --op update")))
    assert.equal("3 5", (drain("--column 'a,b' --column n --op update")))
    command.fails(db, 2, "'upsert' is none of insert, update, delete, truncate, reload",
      "drain --op upsert")
    assert.equal("1 3 6", (drain("--key 1")))
    assert.equal("2 4 6", (drain("--key 2 --key=-5 --tables orders")))
    assert.equal("6", (drain("--key 7")))
    assert.equal("", (drain("--name filtered --op truncate")))
    assert.equal("6", command.saved(log, "filtered"))
    -- a row that gets another key: DELETE of the old one, INSERT of the new one
    assert(log:query("UPDATE orders SET id = 9 WHERE id = 1; TRUNCATE orders"))
    assert.equal("1 3 6 7 9", (drain("--key 1")))
    assert.equal("6 8 9", (drain("--key 9")))
    assert.equal("3", (drain("--key 1 --op update --column n")))
    assert.equal("7 9", (drain("--key 1 --op delete,truncate --column n")))
  end)

  it("takes a key of several columns as JSON, whatever its blanks and quotes", function()
    assert(log:query("CREATE TABLE lines (a int, b text, PRIMARY KEY (a, b))"))
    assert(log:watch("lines"))
    assert(log:query("INSERT INTO lines VALUES (1, 'x'), (1, 'y \"z\"')"))
    for _, key in ipairs({ '["1", "x"]', '["1","x"]', '[1, "x"]', ' [ 1,"x" ] ' }) do
      assert.equal("1", (drain("--key '" .. key .. "'")))
    end
    assert.equal("2", (drain([[--key '[1,"y \"z\""]']])))
    assert.equal("", (drain("--key '[1]'")))
    for _, key in ipairs({ "5", "[1,2" }) do
      local status, output, errors = command.run(db, ("drain --tables orders,lines --key '%s'")
        :format(key))
      assert.same({ 0, "", ("forgelog: --key: no row of lines has the key %s: it has 2 columns, "
        .. "and is a JSON array of as many texts\n"):format(key) }, { status, output, errors })
    end
  end)

  it("ends quietly when nobody reads on", function()
    insert(1, 30000)
    local ok, output, errors = support.run(("{ %s; echo \"status $?\" >&2; } | head -n 2"):format(
      command.line(db, "drain --name head --format json")))
    assert.is_true(ok)
    assert.equal("1 2", command.seqs(output))
    assert.equal("status 0\n", errors)
    -- What nobody has read is there again.
    local done = tonumber(command.saved(log, "head") or 0)
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
    assert.equal("10", command.saved(log, "a"))
    assert.equal("", (drain("--name b --tables customers")))
    assert.equal("10", command.saved(log, "b"))
  end)

  it("goes on from the saved position and not from --since, which is saved as well", function()
    insert(1, 10)
    assert.equal(range(1, 10), (drain("--name a")))
    local found, errors = drain("--name a --since 3")
    assert.equal("", found)
    assert.matches("going on from the saved position 1:10, not from %-%-since\n$", errors)
    assert.equal("", (drain("--name c --since now")))
    insert(11, 11)
    assert.equal("11", (drain("--name c --since now")))
    -- The place where it began is saved although nothing came, so that it is a gap once it is
    -- trimmed.
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
    assert.matches("^forgelog: trimmed: [^\n]+; hint: take the new position %(forgelog position%), "
      .. "read the tables anew, forgelog forget a, then go on with %-%-since it\n$", errors)
    assert.equal("1:10\n", command.says(db, "", "position"))
    insert(11, 12)
    assert.equal("forgot a, which was at 1:2\n", command.says(db, "", "forget a"))
    assert.equal("11 12", (drain("--name a --since 1:10")))
  end)

  it("gives nothing while it cannot know what is settled, and says who is in the way", function()
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders VALUES (1, 1)"))
    insert(2, 2)
    local found, errors = drain("--settle 100ms", 1)
    assert.equal("", found)
    assert.matches("was open before this connection and still is; forgelog status tells which; "
      .. "hint: forgelog follow", errors)
    assert(writer:query("COMMIT"))
    writer:close()
    assert.equal("1 2", (drain()))
  end)

  it("drains on a table whose name another one gets while it waits for open writers", function()
    insert(1, 2)
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO customers VALUES ('x')"))
    local waiting = command.start(db, "drain --format json --name one --tables orders --settle 60s")
    support.wait_until(function()
      return log:query("SELECT FROM pg_stat_activity WHERE application_name = 'forgelog'"
        .. " AND datname = current_database() AND query LIKE 'WITH newest AS %'")[1]
    end, "it to wait")
    assert(log:query([[ALTER TABLE orders RENAME TO past; INSERT INTO past VALUES (3, 3);
      CREATE TABLE orders (id int PRIMARY KEY)]]))
    assert(log:watch("orders"))
    assert(log:query("INSERT INTO orders VALUES (4)"))
    assert(writer:query("COMMIT"))
    writer:close()
    local ok, output, errors = waiting:wait()
    assert.is_true(ok, errors)
    assert.equal("1 2 4 5", command.seqs(output))
  end)

  it("is one of its name", function()
    local other = command.start(db, "follow --name one")
    support.wait_until(function()
      return #log:status().consumers > 0 or log:query("SELECT pid FROM pg_locks"
        .. " WHERE locktype = 'advisory' AND classid = 1179603527 AND database ="
        .. " (SELECT oid FROM pg_database WHERE datname = current_database())")[1]
    end, "it to follow")
    local _, errors = drain("--name one", 1)
    assert.matches("another consumer named one is running", errors)
    assert.equal(1, (command.run(db, "forget one")))
    other:kill()
    assert(other:wait())
    assert.equal("", (drain("--name one")))
  end)
end)
