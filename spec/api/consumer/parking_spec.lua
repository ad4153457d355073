-- The table of parked changes as a consumer uses it: what is parked comes back as it was, in the
-- order of its key.
local arrays = require "forgelog.connection.arrays"
local logs = require "support.logs"
local parking = require "forgelog.consumer.parking"
local process = require "support.process"
local sql = require "forgelog.connection.sql"
local support = require "support"

local must = logs.must

describe("parking", function()
  local db, log, conn
  before_each(function()
    db, log = logs.installed()
    conn = log.connection
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  -- A change as it is handed out, of which only the order counts.
  local function change(seq)
    return { seq = seq, table_name = "item", op = "UPDATE", row_id = "1" }
  end

  local function park(seq, key, err, attempts)
    assert(parking.park(conn, "one", key, change(seq), err, attempts))
  end

  local function seqs(list)
    local found = {}
    for i, entry in ipairs(assert(list)) do found[i] = entry.seq end
    return found
  end

  local function due() return seqs(parking.due(conn, "one", 100)) end

  local function retry(seq)
    must(log, "UPDATE forge_change_log_parked SET retry = true WHERE seq = $1", seq)
  end

  local function id_of(seq)
    return must(log, "SELECT id FROM forge_change_log_parked WHERE seq = $1", seq)[1].id
  end

  it("gives each change back as it was drained", function()
    must(log, [[CREATE TABLE doc (id int, at timestamptz, "a,""b" text, big text, c text,
      PRIMARY KEY (id, at))]])
    assert(log:watch("doc", { keep = { "a,\"b", "big", "c" } }))
    must(log, [[SET forgelog.context = 'user "7" \ {é}']])
    must(log, [[INSERT INTO doc VALUES (1, '2026-01-02 03:04:05.678901+00', NULL, NULL, NULL),
      (2, 'infinity', E'{",\\NULL}', repeat('x', 70000), '')]])
    must(log, [[UPDATE doc SET "a,""b" = 'NULL', c = E' \n\t' WHERE id = 2]])
    must(log, "DELETE FROM doc; TRUNCATE item; INSERT INTO item (n) VALUES (1)")
    must(log, "UPDATE forge_change_log SET txid = 9223372036854775807 WHERE op = 'TRUNCATE'")
    assert(log:touch("item"))
    local drained = logs.drained(log, nil, nil, "op")
    assert.is_true(#drained >= 8)
    for each in log:drain() do
      assert(parking.park(conn, "one", each.table_name .. "\0", each, "bad", 3))
    end
    must(log, "UPDATE forge_change_log_parked SET retry = true")
    local entries, at = assert(parking.due(conn, "one", 100)), 0
    for each in log:drain() do
      at = at + 1
      assert.same(each, entries[at].change)
      for name, value in pairs(each) do
        assert.equal(type(value), type(entries[at].change[name]), name)
      end
      assert.same({ each.seq, 3, "bad" }, { entries[at].seq, entries[at].attempts,
        entries[at].error })
    end
    assert.equal(#drained, at)
  end)

  it("numbers what a backfill has read by itself, and keeps it once, as read last", function()
    local read = { op = "READ", table_name = "item", row_id = "7", key_cols = 1, new = { n = "1" },
      created_at = 1.5 }
    local later = { op = "READ", table_name = "item", row_id = "7", key_cols = 1,
      new = { n = "2", m = "3" }, created_at = 2.5 }
    local other = { op = "READ", table_name = "item", row_id = "8", created_at = 2.5 }
    assert(parking.park(conn, "one", "item\0007", read, "bad", 1))
    assert(parking.park(conn, "one", "item\0007", other))
    assert(parking.park(conn, "two", "item\0007", read))
    must(log, "UPDATE forge_change_log_parked SET retry = true WHERE NOT waits")
    local entries = assert(parking.due(conn, "one", 100))
    assert.equal(1, #entries)
    assert.equal(-entries[1].id, entries[1].seq)
    assert.same(read, entries[1].change)
    assert(parking.park(conn, "one", "item\0007", later))
    local again = assert(parking.due(conn, "one", 100))
    assert.same({ later, "bad", 1 }, { again[1].change, again[1].error, again[1].attempts })
    assert.equal(entries[1].id, again[1].id)
    assert.equal(3, must(log, "SELECT count(*) AS n FROM forge_change_log_parked")[1].n)
  end)

  it("keeps the older one of a change that comes again", function()
    park(5, "k", "first", 3)
    park(5, "k", "second", 4)
    local rows = must(log, "SELECT error, attempts FROM forge_change_log_parked")
    assert.same({ { error = "first", attempts = 3 } }, rows)
  end)

  it("takes any bytes as a key and as an error, in any database", function()
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    local all = table.concat(bytes)
    local template = "ENCODING LATIN1 LOCALE 'C' TEMPLATE template0"
    local name = "latin1_" .. process.unique()
    must(log, ("CREATE DATABASE %s %s"):format(name, template))
    local latin = logs.connect((db:gsub("dbname=%S+", "dbname=" .. name)))
    assert(latin:install())
    for i, own in ipairs({ log, latin }) do
      for j, key in ipairs({ all, all:reverse(), "\\x00", "\0", ("long"):rep(5000), "" }) do
        assert(parking.park(own.connection, "one", key, change(j), { message = "€ " .. key }, 1))
      end
      assert(parking.park(own.connection, "one", "k", change(9), { message = "ö€\0" }, 1))
      local blocked = assert(parking.keys(own.connection, "one",
        { "\0", "other", all, "\\x00", "", ("long"):rep(4999) }))
      assert.same({ ["\0"] = 4, [all] = 1, ["\\x00"] = 3, [""] = 6 }, blocked)
      local told = must(own, "SELECT error FROM forge_change_log_parked WHERE key = 'k'")[1].error
      assert.equal(i == 1 and "ö€\\x00" or "\\xC3\\xB6\\xE2\\x82\\xAC\\x00", told)
    end
    latin:close()
    must(log, "DROP DATABASE " .. name)
  end)

  it("tells which keys are blocked, of that consumer only", function()
    assert.is_false(parking.any(conn, "one"))
    park(1, "a", "bad", 1)
    park(2, "b")
    assert.is_true(parking.any(conn, "one"))
    assert.is_false(parking.any(conn, "two"))
    assert.same({ a = 1, b = 2 }, parking.keys(conn, "one", { "a", "b", "c" }))
    park(3, "a")
    assert(parking.park(conn, "one", "b", { op = "READ", table_name = "item", row_id = "7" }))
    assert(parking.park(conn, "one", "c", { op = "READ", table_name = "item", row_id = "8" }))
    assert.same({ a = 1, b = 2, c = 0 }, parking.keys(conn, "one", { "a", "b", "c" }))
    assert.same({}, parking.keys(conn, "two", { "a", "b", "c" }))
    assert.same({}, parking.keys(conn, "one", {}))
  end)

  it("has the changes of a key tried one after the other", function()
    park(1, "a", "bad", 3)
    park(2, "b", "bad", 3)
    park(3, "a")
    park(4, "a")
    assert.same({}, due())
    retry(1)
    retry(2)
    retry(4) -- it waits all the same
    assert.same({ 1, 2 }, due())
    assert.same({ 1 }, seqs(parking.due(conn, "one", 1)))
    assert.same({ 2 }, seqs(parking.due(conn, "one", 9, id_of(1))))
    assert.same({ true, true }, { parking.done(conn, id_of(1)) })
    assert.same({ 2, 3 }, due())
    assert(parking.failed(conn, id_of(3), { message = "again" }))
    assert.same({ 2 }, due())
    assert.same({ true, false }, { parking.done(conn, id_of(2)) })
    assert.same({ { waits = false, retry = false, attempts = 1, error = "again" } }, must(log,
      "SELECT waits, retry, attempts, error FROM forge_change_log_parked WHERE seq = 3"))
    assert.same({ true, true }, { parking.done(conn, id_of(3)) })
    assert.same({ 4 }, due())
    assert.same({ true, false }, { parking.done(conn, id_of(4)) })
    assert.same({ true, false }, { parking.done(conn, 4711) })
    assert.is_false(parking.any(conn, "one"))
  end)

  it("takes back with the handler's work what it did in its transaction", function()
    park(1, "a", "bad", 3)
    must(log, "BEGIN")
    assert(parking.done(conn, id_of(1)))
    park(2, "a", "bad", 1)
    must(log, "ROLLBACK")
    assert.same({ { seq = 1 } }, must(log, "SELECT seq FROM forge_change_log_parked"))
  end)

  it("leaves nothing waiting behind a change that was skipped meanwhile", function()
    park(1, "a", "bad", 3)
    park(2, "b", "bad", 3)
    park(3, "b")
    must(log, "DELETE FROM forge_change_log_parked WHERE seq = 1")
    park(4, "a") -- by a consumer that has not seen that yet
    park(5, "a")
    assert.same({}, due())
    assert(parking.wake(conn, "one"))
    assert.same({ 4 }, due())
  end)

  it("says which table is missing, and raises nothing", function()
    must(log, "DROP TABLE forge_change_log_parked")
    local ok, err = parking.park(conn, "one", "a", change(1), "bad", 1)
    assert.same({ "no_parked_table", "install" }, { not ok and err.code, err.remedy })
    ok, err = parking.any(conn, "one")
    assert.same({ "no_parked_table", "install" }, { ok == nil and err.code, err.remedy })
  end)

  it("reads a few rows of many, also where most are of one key", function()
    must(log, [[INSERT INTO forge_change_log_parked
             (consumer, seq, key, table_name, op, waits, retry)
      SELECT 'one', g, 'hot', 'item', 'UPDATE', g > 1, g = 1 FROM generate_series(1, 20000) g]])
    must(log, "ANALYZE forge_change_log_parked")
    for name, values in pairs({ due = { "'one'", "0", "100" }, done = { "1" },
      keys = { "'one'", "'{hot}'" }, skip = { "'one'", "2" } }) do
      local text = sql.statement("parked." .. name, "public"):gsub("%$(%d)", function(i)
        return values[tonumber(i)]
      end)
      for _, row in ipairs(must(log, "EXPLAIN " .. text)) do
        local line = row["QUERY PLAN"]
        assert.is_nil(line:find("Seq Scan on forge_change_log_parked", 1, true), name .. line)
      end
    end
  end)
end)

describe("arrays", function()
  it("come back as they were written", function()
    local values = { "", "NULL", false, "{a,b}", '"', "\\", " ", "null", "ä", "\n", false }
    assert.same(values, arrays.read(arrays.write(values)))
    assert.same({}, arrays.read(arrays.write({})))
    assert.same({ "a", false, "b" }, arrays.read("{a,NULL,b}"))
    assert.is_nil(arrays.read(arrays.write(nil)))
  end)
end)
