-- A transaction in REPEATABLE READ sees the catalog as of its snapshot, but tables as they are now:
-- whatever another session does to a table meanwhile, a write works, and says the right row, then
-- and in all later transactions of that session.
local captured = require "support.captured"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- What another session does to the table %s (id int PRIMARY KEY, a int, b text NOT NULL, c text),
-- and how rows are named and written from then on: key (default "id"), column (default "a"), values
-- of it, and whether the table has another name in the log.
local alterations = {
  { "ALTER TABLE %s RENAME a TO d", column = "d" },
  { "ALTER TABLE %s RENAME c TO d" },
  { "ALTER TABLE %s RENAME a TO x; ALTER TABLE %s RENAME c TO a", is = "'x'" },
  { "ALTER TABLE %s DROP a", column = "c", is = "'x'" },
  { "ALTER TABLE %s DROP a, ADD a json", is = "'[1]'" },
  { "ALTER TABLE %s DROP a; ALTER TABLE %s ADD a json", is = "'[1]'" },
  { "ALTER TABLE %s ADD z point", column = "z", is = "'(1,2)'" },
  { "ALTER TABLE %s ALTER a TYPE json USING NULL", is = "'[1]'" },
  { "ALTER TABLE %s ALTER a TYPE point USING NULL", is = "'(1,1)'" },
  { "ALTER TABLE %s ALTER a TYPE mood USING NULL", is = "'ok'" },
  { "ALTER TABLE %s ALTER a TYPE text, ALTER c TYPE json USING NULL", column = "c", is = "'[]'" },
  { "ALTER TABLE %s ALTER a TYPE pair USING NULL", is = "'(1,[])'" },
  { "ALTER TABLE %s RENAME id TO ident", key = "ident" },
  { "ALTER TABLE %s RENAME id TO x; ALTER TABLE %s RENAME b TO id", key = "x" },
  { "ALTER TABLE %s ALTER id TYPE bigint", plain = true },
  { "ALTER TABLE %s ALTER id TYPE text", plain = true },
  { "ALTER TABLE %s DROP CONSTRAINT %s_pkey, ADD PRIMARY KEY (b)", key = "b" },
  { "ALTER TABLE %s DROP CONSTRAINT %s_pkey; ALTER TABLE %s ADD PRIMARY KEY (b)", key = "b" },
  { "ALTER TABLE %s DROP CONSTRAINT %s_pkey; ALTER TABLE %s ADD PRIMARY KEY (b) DEFERRABLE",
    key = "b", reload = true },
  { "ALTER TABLE %s DROP CONSTRAINT %s_pkey, ADD COLUMN u uuid DEFAULT gen_random_uuid(), "
    .. "ADD PRIMARY KEY (b)", key = "b" },
  { "CREATE UNIQUE INDEX %s_b ON %s (b); ALTER TABLE %s REPLICA IDENTITY USING INDEX %s_b",
    plain = true },
  { "ALTER TABLE %s REPLICA IDENTITY FULL" },
  { "ALTER TABLE %s REPLICA IDENTITY NOTHING; ALTER TABLE %s RENAME id TO ident", key = "ident" },
  { "ALTER TABLE %s DROP CONSTRAINT %s_pkey; CREATE UNIQUE INDEX %s_b ON %s (b); "
    .. "ALTER TABLE %s ADD PRIMARY KEY USING INDEX %s_b", key = "b" },
  { "ALTER TABLE %s DROP id", key = "", reload = true },
  { "ALTER TABLE %s RENAME TO %s_renamed", name = "%s_renamed" },
  { "ALTER TABLE %s SET SCHEMA other", name = "other.%s" },
  { "DO $$ BEGIN ALTER TABLE %s ALTER a TYPE json USING NULL; "
    .. "EXCEPTION WHEN division_by_zero THEN NULL; END $$", is = "'[1]'" },
  { "SAVEPOINT a; ALTER TABLE %s ALTER a TYPE json USING NULL; RELEASE a", open = true,
    is = "'[1]'" },
  { "SAVEPOINT a; ALTER TABLE %s DROP a, ADD a point; RELEASE a", open = true, is = "'(1,1)'" },
  { "ALTER TABLE %s ALTER a TYPE point USING NULL", open = true, is = "'(1,1)'" },
}

local TABLE = "(id int, a int, b text NOT NULL, c text, PRIMARY KEY (id))"

-- Each way to capture a table: what makes it, and what attaches it.
local ways = {
  statements = { "CREATE TABLE %s " .. TABLE },
  partitioned = { "CREATE TABLE %s " .. TABLE .. " PARTITION BY RANGE (id); "
    .. "CREATE TABLE %s_1 PARTITION OF %s DEFAULT", partitioned = true },
  by_hand = { "CREATE TABLE %s " .. TABLE .. "; CREATE TRIGGER x AFTER INSERT OR UPDATE OR "
    .. "DELETE ON %s FOR EACH ROW EXECUTE FUNCTION forge_notify_change()", by_hand = true },
}

describe("in REPEATABLE READ", function()
  local db, log, other, session, seen, count

  setup(function()
    db, log = logs.empty()
    other, session = logs.connect(db), logs.connect(db)
    must(log, [[CREATE SCHEMA other; CREATE TYPE mood AS ENUM ('ok');
      CREATE TYPE pair AS (i int, j json)]])
    assert(log:install())
    seen, count = captured.new(log), 0
  end)
  teardown(function()
    other:close()
    session:close()
    log:close()
    support.drop(db)
  end)

  -- Writes a row, changes it and removes it, on one session.
  local function round(on, name, alteration, n)
    local column, key = alteration.column or "a", alteration.key or "id"
    local columns, values = "b", "'b" .. n .. "'"
    if key == "b" then
      columns, values = "id, b", "1, 'b" .. n .. "'"
    elseif key ~= "" then
      columns, values = key .. ", " .. (key == "x" and "id" or "b"), n .. ", 'b'"
    end
    local id = key == "b" and "b" .. n or key == "" and "-" or n
    local in_log = name:gsub("^public%.", "")
    local expected = ("INSERT %s %s -; UPDATE %s %s %s; DELETE %s %s -"):format(in_log, id, in_log,
      id, column, in_log, id)
    must(on, ("INSERT INTO %s (%s) VALUES (%s)"):format(name, columns, values))
    must(on, ("UPDATE %s SET %s = %s"):format(name, column, alteration.is or "5"))
    must(on, ("DELETE FROM %s"):format(name))
    return expected
  end

  -- Makes a table, has it altered behind a snapshot of `session`, and writes to it there.
  local function try(way, alteration, warm)
    count = count + 1
    local name = "t" .. count
    local function fill(text) return (text:gsub("%%s", name)) end
    must(log, fill(way[1]))
    if not way.by_hand then assert(log:watch(name)) end
    for n = 1, warm and 7 or 0 do round(session, name, {}, n) end
    seen:list()
    if alteration.open then
      must(other, "BEGIN; " .. fill(alteration[1]))
      must(log, "SELECT txid_current()") -- so that the snapshot comes after the savepoint's number
    end
    must(session, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
    must(other, alteration.open and "COMMIT" or fill(alteration[1]))
    local now = fill(alteration.name or "%s")
    local expected = round(session, now, alteration, 11)
    must(session, "COMMIT")
    -- The caches do not tell which key a table has now, but that it has another one.
    if alteration.reload then expected = expected:gsub("%u+ (%S+) %S+ [^%s;]+", "RELOAD %1 - -") end
    assert.equal(expected, seen:text(), fill(alteration[1]) .. ": at once")
    expected = round(session, now, alteration, 12)
    assert.equal(expected, seen:text(), fill(alteration[1]) .. ": later")
  end

  local function serves(way, warm)
    for _, alteration in ipairs(alterations) do
      local plain = alteration.plain or alteration.key == "b" or alteration.key == ""
      if not way.partitioned or not plain then try(way, alteration, warm) end
    end
  end

  it("serves a table that the session has not written", function() serves(ways.statements) end)
  it("serves a table that it has written", function() serves(ways.statements, true) end)
  it("serves a partitioned table", function() serves(ways.partitioned, true) end)
  it("serves a table captured by hand", function() serves(ways.by_hand) end)

  it("serves a key that a table without one got", function()
    for i, identity in ipairs({ "DEFAULT", "FULL", "NOTHING" }) do
      local name = "late" .. i
      seen:watch(("CREATE TABLE %s (id int NOT NULL UNIQUE, a int); ALTER TABLE %s REPLICA "
        .. "IDENTITY %s"):format(name, name, identity), name)
      for n = 1, 7 do must(session, ("INSERT INTO %s VALUES (%d)"):format(name, n)) end
      seen:list()
      must(session, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
      must(other, ("ALTER TABLE %s ADD PRIMARY KEY (id)"):format(name))
      must(session, ("INSERT INTO %s VALUES (8); COMMIT"):format(name))
      assert.equal(("INSERT %s %s -"):format(name, i == 1 and "8" or "-"), seen:text())
      assert.equal(("INSERT %s 9 -"):format(name),
        seen:of(session, ("INSERT INTO %s VALUES (9)"):format(name)))
    end
  end)

  it("serves a table that is watched, or attached, or watched anew after the snapshot", function()
    must(log, [[CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);
      CREATE TABLE p2 (n int, id int PRIMARY KEY)]])
    local within = captured.new(session)
    must(session, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
    assert(log:watch("p"))
    assert(log:watch("p2"))
    assert.equal("INSERT p 1 -; UPDATE p 1 n; INSERT p 2 -; TRUNCATE p - -", within:of(session,
      [[INSERT INTO p VALUES (1); UPDATE p SET n = 1; INSERT INTO p1 VALUES (2); TRUNCATE p1]]))
    must(session, "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
    must(other, "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)")
    assert.equal("INSERT p 10 -; INSERT p 11 -",
      within:of(session, "INSERT INTO p VALUES (10); INSERT INTO p2 VALUES (1, 11)"))
    must(session, "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
    assert(log:watch("p", { keep = { "n" } }))
    assert.equal("INSERT p 3 - >5; INSERT p 12 - >5",
      within:of(session, "INSERT INTO p VALUES (3, 5); INSERT INTO p2 VALUES (5, 12)"))
    must(session, "COMMIT")
  end)
end)
