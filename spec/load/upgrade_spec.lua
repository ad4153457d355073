-- Installing over the log of the first edition while writers write and consumers work: nothing is
-- lost, nobody waits for long, and no table goes uncaptured in between.
local consumer = require "forgelog.consumer"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local TABLES = [[
CREATE TABLE orders (id bigserial PRIMARY KEY, n int, note text,
                     tx bigint DEFAULT txid_current());
CREATE TABLE items (id bigserial PRIMARY KEY, n int);
CREATE TABLE part (id bigserial, n int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
SELECT first_edition_watch('orders', 'note'), first_edition_watch('items'),
       first_edition_watch('part');
]]

-- A database as the first edition leaves it: changes of which some are trimmed.
local function first_edition()
  local template = support.template("the first edition's log, and tables", function(empty)
    local root = os.getenv("FORGELOG_ROOT")
    support.psql(("\\i %s/spec/support/first_edition.sql\n%s"):format(root, TABLES), empty)
    support.psql([[INSERT INTO orders (n) SELECT g FROM generate_series(1, 50) g;
      INSERT INTO items (n) SELECT g FROM generate_series(1, 50) g;
      INSERT INTO part (n, k) SELECT g, 1 + g % 2 FROM generate_series(1, 50) g;
      DELETE FROM forge_change_log WHERE seq <= 20]], empty)
  end)
  local db = support.database(nil, template)
  return db, logs.connect(db)
end

-- "TABLE TRIGGER FUNCTION" for each capture trigger, without the oids of tables.
local function triggers(log, where)
  local list = {}
  for _, row in ipairs(must(log, ([[
    SELECT t.tgrelid::regclass || ' ' || regexp_replace(t.tgname, '_\d+$', '') || ' '
           || regexp_replace(p.proname, '_\d+$', '_N') AS text
      FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgname ~ '^forge_capture' AND t.tgname !~ 'truncate' AND %s ORDER BY 1]])
    :format(where or "true"))) do
    list[#list + 1] = row.text
  end
  return list
end

local COMPILED = {
  "items forge_capture_delete forge_capture_delete_N",
  "items forge_capture_insert forge_capture_insert_N",
  "items forge_capture_update forge_capture_update_N",
  "orders forge_capture_delete forge_capture_delete_N",
  "orders forge_capture_insert forge_capture_insert_N",
  "orders forge_capture_update forge_capture_update_N",
  "part forge_capture_row forge_capture_row_N",
  "part_1 forge_capture_row forge_capture_row_N",
  "part_2 forge_capture_row forge_capture_row_N",
}

-- The changes above a seq: "TABLE OP ROW_ID".
local function changes(log, since)
  local list = {}
  for _, row in ipairs(must(log, "SELECT concat_ws(' ', table_name, op, row_id) AS text"
    .. " FROM forge_change_log WHERE seq > $1 ORDER BY seq", since)) do
    list[#list + 1] = row.text
  end
  return list
end

describe("an upgrade in place", function()
  local db, log, others
  before_each(function()
    others = {}
    db, log = first_edition()
  end)
  after_each(function()
    for _, other in ipairs(others) do other:close() end
    log:close()
    support.drop(db)
  end)

  local function another()
    others[#others + 1] = logs.connect(db)
    return others[#others]
  end

  local function last_seq() return must(log, "SELECT max(seq) AS n FROM forge_change_log")[1].n end

  local function doctor_is_content()
    for _, finding in ipairs(assert(log:diagnose())) do
      assert.is_true(finding.severity == "ok" or finding.severity == "note",
        tostring(finding.code) .. ": " .. tostring(finding.message))
    end
  end

  -- Lets a consumer work for a moment.
  local function step(one, seconds)
    local handled, err = one:step(seconds)
    assert(handled or err.kind == "timeout", tostring(err))
  end

  it("under load loses nothing, tells no gap, and keeps no writer waiting", function()
    local SCRIPTS = {
      { weight = 3, text = "INSERT INTO orders (n) VALUES (1);" },
      { weight = 2, text = "BEGIN;\nINSERT INTO items (n) VALUES (1), (2);\n\\sleep 3 ms\n"
        .. "UPDATE orders SET n = n + 1 WHERE id = 1 + :client_id;\nCOMMIT;" },
      { weight = 2, text = "\\set k random(1, 2)\nBEGIN;\n"
        .. "INSERT INTO part (n, k) VALUES (1, :k);\n\\sleep 2 ms\nCOMMIT;" },
      { weight = 1, text = "UPDATE part SET n = n + 1 WHERE id = 2 + :client_id;" },
      { weight = 1, text = "BEGIN;\nINSERT INTO orders (n) VALUES (3);\nROLLBACK;" },
    }
    -- Positions as the first edition has saved them.
    must(log, [[INSERT INTO forge_change_log_consumers (name, position)
      VALUES ('plain', '1:30'), ('with ranges', '1:40:42-60,70')]])
    local expected = { plain = {}, ["with ranges"] = {} }
    for seq = 31, 150 do expected.plain[seq] = true end
    for seq = 41, 150 do
      expected["with ranges"][seq] = seq ~= 70 and (seq < 42 or seq > 60) or nil
    end
    local running, seen = {}, {}
    for name in pairs(expected) do
      local mine = { list = {}, resyncs = {} }
      seen[name] = mine
      running[name] = consumer.new({ conninfo = db, name = name, poll = 0.2,
        position = consumer.table(),
        on_changes = function(batch)
          for _, change in ipairs(batch) do mine.list[#mine.list + 1] = change.seq end
        end,
        on_resync = function(why)
          mine.resyncs[#mine.resyncs + 1] = why
          return true
        end })
    end
    local path = support.path("transactions")
    local load = support.pgbench { conninfo = db, clients = 6, seconds = 6, scripts = SCRIPTS,
      args = { "--log", "--log-prefix=" .. path, "-M", "prepared" } }
    support.wait_until(function() return last_seq() > 150 end, "changes of the first edition")
    local before, started = last_seq(), logs.now()
    local ok, changed, left = log:install()
    local took = logs.now() - started
    assert.same({ true, true, nil }, { ok, changed, left })
    assert.is_true(logs.under_way(log))
    local at_end = last_seq()
    while logs.under_way(log) do
      for _, one in pairs(running) do step(one, 0.05) end
    end
    local commits = load:wait()
    local written = {}
    for _, row in ipairs(must(log, "SELECT seq FROM forge_change_log WHERE seq > 150")) do
      written[#written + 1] = row.seq
    end
    local last = last_seq()
    for name, one in pairs(running) do
      support.wait_until(function()
        step(one, 0.1)
        return (tonumber(one:stats().position:match("^%d+:(%d+)")) or 0) >= last
      end, name)
      for _, seq in ipairs(written) do expected[name][seq] = true end
      local lost, twice, got = 0, 0, {}
      for _, seq in ipairs(seen[name].list) do
        if got[seq] or not expected[name][seq] then twice = twice + 1 end
        got[seq] = true
      end
      for seq in pairs(expected[name]) do if not got[seq] then lost = lost + 1 end end
      one:close()
      assert.same({ 0, 0, {} }, { lost, twice, seen[name].resyncs }, name)
    end
    local slowest = tonumber((select(2, support.run(
      ("cat %s.* | awk '$3 > most { most = $3 } END { print most / 1000000 }'"):format(path)))))
    support.note("upgrade: %d commits, %d changes before it, %d while it ran (%.2f s), %d after; "
      .. "lost 0, twice 0; the slowest transaction took %.2f s", commits, before - 150,
      at_end - before, took, last - at_end, slowest)
    assert.is_true(before > 150 and last > at_end)
    assert.is_true(slowest < logs.at_most(1.5))
    assert.same(COMPILED, triggers(log))
    local counted = must(log, [[
      SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM items)
             + (SELECT count(*) FROM part) AS rows,
             (SELECT count(*) FROM forge_change_log WHERE op = 'INSERT') + 20 AS changes,
             (SELECT count(*) FROM forge_change_log WHERE table_name ~ 'part_') AS misnamed]])[1]
    assert.same({ counted.rows, 0 }, { counted.changes, counted.misnamed })
    assert.same({}, must(log, [[SELECT proname FROM pg_proc WHERE proname ~ '^forge_capture'
      AND proowner::regrole::text <> 'forgelog']]))
    doctor_is_content()
    assert.same({ true, false }, { log:install() })
  end)

  it("leaves a table that is in use captured, says by whom, and makes up for it later", function()
    local holder = another()
    must(holder, "SET application_name = 'holder'; BEGIN; LOCK orders IN ROW EXCLUSIVE MODE")
    local ok, changed, left = log:install({ lock_timeout = 0.1 })
    assert.is_true(ok and changed)
    assert.equal(1, #left)
    assert.equal("locked", left[1].code)
    assert.matches("orders is locked by process %d+ %(holder, postgres, idle in transaction",
      left[1].message)
    assert.same({ "orders forge_capture_delete forge_capture_delete",
      "orders forge_capture_insert forge_capture_insert",
      "orders forge_capture_update forge_capture_update" },
      triggers(log, "tgrelid = 'orders'::regclass"))
    local before = last_seq()
    must(another(), [[INSERT INTO orders (n) VALUES (7); UPDATE orders SET note = 'x' WHERE id = 2;
      UPDATE orders SET n = 8 WHERE id = 2; DELETE FROM orders WHERE id = 3]])
    must(holder, "UPDATE orders SET n = 3 WHERE id = 1; COMMIT")
    assert.same({ "orders INSERT 51", "orders UPDATE 2", "orders DELETE 3", "orders UPDATE 1" },
      changes(log, before))
    assert.same({ true, true }, { log:install() })
    assert.same(COMPILED, triggers(log))
    doctor_is_content()
  end)

  it("gives up where a writer keeps the log, says who it is, and holds nobody up", function()
    local holder = another()
    must(holder, "SET application_name = 'holder'; BEGIN; UPDATE orders SET n = 2 WHERE id = 1;"
      .. " SAVEPOINT a")
    local load = support.pgbench { conninfo = db, clients = 2, seconds = 4,
      script = "INSERT INTO items (n) VALUES (1);", args = { "--log",
        "--log-prefix=" .. support.path("waits") } }
    logs.wait_for_writes(log)
    local done, err = log:install({ lock_timeout = 0.2 })
    assert.is_nil(done)
    assert.equal("locked", err.code)
    assert.matches("forge_change_log is locked by process %d+ %(holder", err.message)
    load:wait()
    local before = last_seq()
    must(holder, "UPDATE orders SET n = 3 WHERE id = 2; COMMIT")
    assert.equal("orders UPDATE 2", changes(log, before)[1])
    assert.same({ true, true }, { log:install() })
  end)

  it("can be begun by two at once", function()
    local runs = {}
    for i = 1, 2 do
      runs[i] = support.lua([[
        local log = assert(require("forgelog").connect((...)))
        local ok, changed, left = log:install()
        print(ok, changed and 1, left and tostring(left[1]))]], db)
    end
    for i = 1, 2 do
      local ok, output, errors = runs[i]:wait()
      assert.is_true(ok, errors)
      assert.matches("^true\t%S+\tnil\n$", output)
    end
    assert.same(COMPILED, triggers(log))
    doctor_is_content()
  end)

  -- What a session does that began before: its transaction, its prepared statements, what it has
  -- compiled.
  for _, level in ipairs({ "READ COMMITTED", "REPEATABLE READ" }) do
    it("is fit for transactions that began before it, " .. level, function()
      local session = another()
      must(session, [[INSERT INTO orders (n) VALUES (5); INSERT INTO items (n) VALUES (1);
        UPDATE items SET n = 2 WHERE id = 1; DELETE FROM items WHERE id = 2;
        INSERT INTO part (n, k) VALUES (1, 1); UPDATE part SET n = 2 WHERE id = 1;
        UPDATE part_2 SET n = 2 WHERE id = 2;
        PREPARE o AS UPDATE orders SET n = n + 1 WHERE id = 5;
        PREPARE p AS UPDATE part_1 SET n = n + 1 WHERE id = 2;
        PREPARE q AS INSERT INTO part (n, k) VALUES (1, 2); EXECUTE o; EXECUTE p; EXECUTE q]])
      must(session, "BEGIN ISOLATION LEVEL " .. level .. "; SELECT count(*) FROM pg_class")
      assert.same({ true, true }, { log:install() })
      must(log, "ALTER TABLE part ADD COLUMN more text; ALTER TABLE items ADD COLUMN more text")
      local before = last_seq()
      must(session, [[EXECUTE o; EXECUTE p; EXECUTE q; INSERT INTO items (n) VALUES (9);
        UPDATE items SET n = 3 WHERE id = 1; DELETE FROM items WHERE id = 3;
        DELETE FROM part_1 WHERE id = 2; UPDATE part SET n = 5 WHERE id = 5;
        TRUNCATE part_2; COMMIT]])
      local added = must(log, "SELECT max(id) AS id FROM items")[1].id
      local last = must(log, "SELECT last_value AS id FROM part_id_seq")[1].id
      local key = ('["%d", "2"]'):format(last)
      assert.same({ "orders UPDATE 5", 'part UPDATE ["2", "1"]', "part INSERT " .. key,
        "items INSERT " .. added, "items UPDATE 1", "items DELETE 3", 'part DELETE ["2", "1"]',
        'part UPDATE ["5", "2"]', "part TRUNCATE" }, changes(log, before))
    end)
  end
end)

describe("installing into the framework's database", function()
  it("leaves its log, functions, owners and triggers as they are", function()
    local db, log = logs.framework()
    local role, drop_role = logs.role(log)
    must(log, ("ALTER FUNCTION forge_notify_change() OWNER TO %s"):format(role))
    local function theirs()
      return must(log, [[
        SELECT p.proname AS name, p.proowner::regrole::text AS owner, md5(p.prosrc) AS source,
               p.prosecdef, p.proacl::text AS rights
          FROM pg_proc p WHERE p.proname IN ('forge_notify_change', 'forge_trim_change_log',
                 'forge_enable_reactivity', 'forge_disable_reactivity')
         UNION ALL
        SELECT t.tgname, t.tgfoid::regproc::text, t.oid::text, false, t.tgenabled::text
          FROM pg_trigger t WHERE t.tgrelid = 'item'::regclass
         ORDER BY 1]])
    end
    local before = theirs()
    assert.equal(5, #before)
    assert.same({ true, true }, { log:install() })
    assert.same({ true, false }, { log:install() })
    assert.same(before, theirs())
    must(log, "INSERT INTO item (n) VALUES (1)")
    assert.equal(1, logs.rows(log))
    drop_role()
    log:close()
    support.drop(db)
  end)
end)
