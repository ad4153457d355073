-- A table that is altered, renamed or dropped between two chunks is read on as it is, or it is said
-- why not; and rows that this role may not see are never left out silently.
local logs = require "support.logs"
local rows = require "forgelog.rows"
local support = require "support"

local must = logs.must

describe("a table whose rows are read", function()
  local db, log, conn, s, after

  setup(function()
    db, log = logs.installed()
    conn = log.connection
  end)
  teardown(function() log:close(); support.drop(db) end)
  before_each(function()
    must(log, [[DROP TABLE IF EXISTS t, u;
      CREATE TABLE t (id int PRIMARY KEY, a text, b text);
      INSERT INTO t SELECT i, 'a' || i, 'b' || i FROM generate_series(1, 9) i]])
    s = assert(rows.source(conn, "spec", "t", { "a" }))
    local changes, over
    changes, after, over = rows.chunk(conn, s, nil, 4)
    assert.same({ 4, { "4" }, false }, { #changes, after, over })
  end)

  -- What the next chunk is, after an alteration, as text.
  local function next_after(alteration)
    if alteration then must(log, alteration) end
    local changes, key, over = rows.chunk(conn, s, after, 3)
    if not changes then return key.code or key.message end
    local list = {}
    for i, change in ipairs(changes) do
      list[i] = ("%s %s %s"):format(change.table_name, tostring(change.row_id),
        change.new and change.new.a or "-")
    end
    return table.concat(list, ", "), key, over
  end

  local GOES_ON = "t 5 a5, t 6 a6, t 7 a7"

  it("says what it is", function()
    assert.same({ "t", "public.t" }, { s.name, s.quoted })
    assert.same({ { "id" }, { "integer" }, { "a" } }, { s.key, s.types, s.keep })
    assert(log:watch("t", { keep = { "b", "a" } }))
    assert.same({ "b", "a" }, rows.source(conn, "spec", "t", true).keep)
    must(log, "ALTER TABLE t DROP b")
    assert.same({ "a" }, rows.source(conn, "spec", "t", true).keep)
    assert(log:watch("t"))
    assert.is_nil(rows.source(conn, "spec", "t", true).keep)
    assert.is_nil(rows.source(conn, "spec", "t").keep)
  end)

  it("has an end", function()
    assert.equal(GOES_ON, (next_after()))
    local changes, key, over = rows.chunk(conn, s, { "7" }, 2)
    assert.same({ 2, { "9" }, false }, { #changes, key, over })
    changes, key, over = rows.chunk(conn, s, { "9" }, 2)
    assert.same({ 0, { "9" }, true }, { #changes, key, over })
    changes, key, over = rows.chunk(conn, s, { "8" }, 2)
    assert.same({ 1, { "9" }, true }, { #changes, key, over })
  end)

  it("goes on when other columns come and go, or the key's is called otherwise", function()
    assert.equal(GOES_ON, (next_after("ALTER TABLE t ADD c int DEFAULT 7, DROP b")))
    assert.equal(GOES_ON, (next_after("ALTER TABLE t RENAME id TO number")))
    assert.same({ "number" }, s.key)
    assert.equal(GOES_ON, (next_after("ALTER TABLE t ALTER a TYPE varchar(20)")))
    assert.equal(GOES_ON, (next_after("VACUUM FULL t")))
    assert.equal("t 6 a6, t 7 a7, t 8 a8",
      (next_after("DELETE FROM t WHERE number < 6; TRUNCATE item; ANALYZE t")))
    assert.equal("no_column", (next_after("ALTER TABLE t DROP a")))
  end)

  it("goes on when it is renamed or moved, and another one has its name", function()
    assert.equal("u 5 a5, u 6 a6, u 7 a7", (next_after([[ALTER TABLE t RENAME TO u;
      CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (5, 'no')]])))
    assert.equal("moved.u 5 a5, moved.u 6 a6, moved.u 7 a7",
      (next_after("CREATE SCHEMA moved; ALTER TABLE u SET SCHEMA moved")))
    assert.equal("again.u 5 a5, again.u 6 a6, again.u 7 a7",
      (next_after("ALTER SCHEMA moved RENAME TO again")))
    assert.equal("no_table", (next_after("DROP SCHEMA again CASCADE")))
  end)

  it("does not go on in the order of another key", function()
    for _, alteration in ipairs({ "ALTER TABLE t ALTER id TYPE text",
      "ALTER TABLE t DROP CONSTRAINT t_pkey", "ALTER TABLE t ADD PRIMARY KEY (a)" }) do
      assert.equal("key_changed", (next_after(alteration)))
    end
    after = nil
    assert.equal("t a1 a1, t a2 a2, t a3 a3", (next_after()))
    assert.equal("t nil -", (next_after("ALTER TABLE t DROP CONSTRAINT t_pkey")))
    assert.is_nil(s.key)
    assert.equal("t 1 a1, t 2 a2, t 3 a3", (next_after("ALTER TABLE t ADD PRIMARY KEY (id)")))
  end)

  it("is seen whole, or is refused", function()
    must(log, [[CREATE ROLE spec_rows_reader LOGIN; GRANT SELECT (id, b) ON t TO spec_rows_reader;
      GRANT SELECT ON forge_change_log TO spec_rows_reader]])
    local reader = logs.connect(db .. " user=spec_rows_reader")
    local function attempt(opts)
      local ok, result = pcall(reader:rows("t", opts))
      return ok and result.row_id or result.code or tostring(result)
    end
    assert.equal("1", attempt())
    assert.equal("1", attempt({ keep = { "b" } }))
    assert.equal("missing_right", attempt({ keep = { "a" } }))
    s = assert(rows.source(reader.connection, "spec", "t"))
    must(log, "ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    assert.equal("row_security", attempt())
    must(log, "CREATE POLICY seen ON t USING (true)")
    assert.equal("1", attempt())
    assert.equal(9, #assert(rows.chunk(reader.connection, s, nil, 10)))
    must(log, "ALTER POLICY seen ON t USING (id > 3)")
    local _, err = rows.chunk(reader.connection, s, nil, 10)
    assert.equal("row_security", err.code)
    assert.equal("42501", err.sqlstate)
    assert.equal(9, #assert(rows.chunk(conn, rows.source(conn, "spec", "t"), nil, 10)))
    reader:close()
    must(log, "DROP OWNED BY spec_rows_reader; DROP ROLE spec_rows_reader")
  end)

  it("is waited for while somebody has locked it, and gone on with where that was left", function()
    local other, again = logs.connect(db), conn:limited()
    must(other, "BEGIN; LOCK TABLE t")
    again:wait_until(again:now() + 0.02)
    for _ = 1, 2 do
      local changes, err = rows.chunk(again, s, after, 3)
      assert.is_nil(changes)
      assert.equal("unfinished", err.code)
    end
    must(other, "COMMIT")
    other:close()
    again:wait_until(nil)
    assert.equal("5", assert(rows.chunk(again, s, after, 3))[1].row_id)
  end)

  it("is read by a role that may only read, from a log that another program made", function()
    local other, plain = logs.framework()
    must(plain, "INSERT INTO item VALUES (2), (1)")
    must(plain, "SET default_transaction_read_only = on")
    local changes = assert(rows.chunk(plain.connection,
      assert(rows.source(plain.connection, "spec", "item")), nil, 10))
    assert.same({ "1", "2" }, { changes[1].row_id, changes[2].row_id })
    plain:close()
    support.drop(other)
  end)
end)
