-- Servers and logs on which nothing could be promised, or less: they are refused, or told, before
-- anything is lost.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("row level security", function()
  local db, log, role, drop_role, other
  before_each(function()
    db, log = logs.installed()
    role, drop_role = logs.role(log, [[GRANT USAGE ON SCHEMA public TO %s;
      GRANT SELECT, DELETE ON forge_change_log TO %s;
      GRANT SELECT ON forge_change_log_state TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_consumers TO %s]])
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
    other = logs.as(db, role)
  end)
  after_each(function()
    other:close()
    drop_role()
    log:close()
    support.drop(db)
  end)

  local function protect(name, policy)
    must(log, ("ALTER TABLE %s ENABLE ROW LEVEL SECURITY"):format(name))
    if policy then must(log, ("CREATE POLICY p ON %s %s"):format(name, policy)) end
  end

  -- What each call says: "ok", or the code of its error.
  local function said(call)
    local ok, result, err = pcall(call)
    if not ok then err = result end
    return err and (type(err) == "table" and err.code or tostring(err)) or "ok"
  end

  local CALLS = {
    drain = function() return #logs.drained(other) end,
    follow = function()
      local feed = other:follow()
      local change, err = feed:next(5)
      feed:close()
      return change, err
    end,
    position = function() return other:position() end,
    gap = function()
      local reason, err = other:gap(0)
      return reason, reason == nil and err or nil
    end,
    trim = function() return other:trim(logs.server_time(log) + 1, { min_rows = 0 }) end,
    kept = function()
      return other:trim(logs.server_time(log) + 1, { min_rows = 0, keep_consumers = true })
    end,
    consumer = function()
      local one = require("forgelog.consumer").new({ name = "c", conninfo = db:gsub("user=%S+",
        "user=" .. role), on_changes = function() end, on_resync = function() end,
        position = require("forgelog.store.table")() })
      local done, err = one:step(5)
      one:close()
      return done, err
    end,
  }

  local function expect(wanted, ...)
    for _, name in ipairs({ ... }) do
      assert.equal(name .. " " .. wanted, name .. " " .. said(CALLS[name]))
    end
  end

  it("that may hide changes, or what is gone, is refused", function()
    for _, name in ipairs({ "forge_change_log", "forge_change_log_state" }) do
      protect(name)
      expect("row_security", "drain", "follow", "position", "gap", "trim", "consumer")
      must(log, ("CREATE POLICY p ON %s USING (%s)"):format(name,
        name == "forge_change_log" and "seq > 1" or "trimmed_to < 0"))
      expect("row_security", "drain", "follow", "position", "gap", "trim", "consumer")
      must(log, ("ALTER POLICY p ON %s USING (true)"):format(name))
      expect("ok", "drain", "follow", "position", "gap", "trim", "consumer")
      must(log, ("CREATE POLICY q ON %s AS RESTRICTIVE USING (now() IS NULL)"):format(name))
      expect("row_security", "drain", "follow", "position", "gap", "trim", "consumer")
      must(log, ("DROP POLICY q ON %s; ALTER TABLE %s DISABLE ROW LEVEL SECURITY"):format(name,
        name))
      must(log, "INSERT INTO item (n) VALUES (1), (2)")
    end
  end)

  it("that hides nothing from a role is none to it", function()
    protect("forge_change_log", "USING (false)")
    assert.same({ 1, 2 }, logs.drained(log)) -- a superuser sees all
    must(log, ("CREATE POLICY q ON forge_change_log TO %s USING (true)"):format(role))
    expect("ok", "drain", "follow", "trim")
    must(log, "INSERT INTO item (n) VALUES (1)")
    must(log, "DROP POLICY q ON forge_change_log; CREATE POLICY q ON forge_change_log FOR SELECT "
      .. "USING (true)")
    expect("ok", "drain", "follow", "position")
    expect("row_security", "trim") -- it would delete nothing, and say so
    must(log, ("ALTER ROLE %s BYPASSRLS"):format(role))
    expect("ok", "drain", "trim")
  end)

  it("that may hide consumers is refused where they count", function()
    protect("forge_change_log_consumers", "USING (name = 'a')")
    expect("row_security", "kept", "consumer")
    expect("ok", "drain", "trim")
    must(log, "ALTER POLICY p ON forge_change_log_consumers USING (true)")
    must(log, "INSERT INTO item (n) VALUES (1)")
    expect("ok", "kept", "consumer")
  end)

  it("that keeps the guard triggers from their state makes a DELETE fail", function()
    local owner, drop_owner = logs.role(log, "GRANT ALL ON SCHEMA public TO %s")
    for _, name in ipairs({ "forge_change_log", "forge_change_log_state" }) do
      must(log, ("ALTER TABLE %s OWNER TO %s"):format(name, owner))
    end
    must(log, ("ALTER FUNCTION forge_log_deleted() OWNER TO %s"):format(owner))
    must(log, ("ALTER FUNCTION forge_log_truncated() OWNER TO %s"):format(owner))
    must(log, ("ALTER FUNCTION forge_log_sequence() OWNER TO %s"):format(owner))
    protect("forge_change_log_state")
    must(log, "DELETE FROM forge_change_log WHERE seq = 1") -- the owner is exempt
    assert.equal(1, logs.trimmed_to(log))
    must(log, "ALTER TABLE forge_change_log_state FORCE ROW LEVEL SECURITY")
    for _, sql in ipairs({ "DELETE FROM forge_change_log", "TRUNCATE forge_change_log" }) do
      local rows, err = log:query(sql)
      assert.is_nil(rows)
      assert.matches("row level security hides the row", err.message)
    end
    must(log, "ALTER TABLE forge_change_log FORCE ROW LEVEL SECURITY; ALTER TABLE "
      .. "forge_change_log_state NO FORCE ROW LEVEL SECURITY; ALTER TABLE forge_change_log "
      .. "ENABLE ROW LEVEL SECURITY")
    logs.fill(log, 1)
    must(log, "DELETE FROM forge_change_log WHERE seq = 3")
    assert.equal(2, log:min_seq()) -- what the triggers cannot see is not taken for empty
    must(log, ("REASSIGN OWNED BY %s TO postgres"):format(owner))
    drop_owner()
  end)
end)

describe("a log whose sequence is behind it", function()
  it("is refused until install has set the sequence", function()
    local db, log = logs.installed()
    must(log, "INSERT INTO item (n) SELECT 1 FROM generate_series(1, 5)")
    must(log, "SELECT setval('forge_change_log_seq_seq', 3)")
    for _, call in ipairs({
      function() return logs.drain_error(log) end,
      function() return select(2, log:position()) end,
      function()
        local feed = log:follow()
        local _, err = feed:next(5)
        feed:close()
        return err
      end,
    }) do
      local err = call()
      assert.equal("sequence_behind", err.code)
      assert.equal("install", err.remedy)
    end
    local other = logs.connect(db)
    assert.equal("sequence_behind", logs.drain_error(other).code)
    assert.same({ true, true }, { log:install() })
    assert.same({ true, false }, { log:install() })
    must(log, "INSERT INTO item (n) VALUES (1)")
    assert.same({ 1, 2, 3, 4, 5, 6 }, logs.drained(other))
    must(log, "DELETE FROM forge_change_log; SELECT setval('forge_change_log_seq_seq', 3)")
    assert.same({ true, true }, { log:install() })
    must(log, "INSERT INTO item (n) VALUES (1)")
    assert.equal(7, log:max_seq())
    other:close()
    log:close()
    support.drop(db)
  end)
end)

describe("a server that does not tell its timeline", function()
  local db, log, other, role, drop_role
  before_each(function()
    db, log = logs.installed()
    role, drop_role = logs.role(log, [[GRANT USAGE ON SCHEMA public TO %s;
      GRANT SELECT, DELETE ON forge_change_log TO %s;
      GRANT SELECT ON forge_change_log_state, forge_change_log_consumers TO %s;
      GRANT SELECT ON forge_change_log_seq_seq TO %s]])
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
  end)
  after_each(function()
    if other then other:close() end
    drop_role()
    log:close()
    support.drop(db)
  end)

  -- All that readers and trimmers do.
  local function works()
    other = logs.as(db, role)
    assert.same({ 1, 2 }, logs.drained(other))
    local feed = other:follow("1:1", { listen = false })
    assert.equal(2, feed:next(5).seq)
    assert.equal("0:2", other:position())
    assert.is_false(other:gap("1:1"))
    assert.equal(2, other:status({ settle = 0 }).max_seq)
    assert.equal(2, other:trim(logs.server_time(log) + 1, { min_rows = 0 }))
    assert.equal("trimmed", (other:gap("1:1")))
    for _, one in ipairs(assert(other:diagnose())) do
      if one.code == "no_timeline" then return one.severity end
    end
  end

  for _, name in ipairs({ "pg_walfile_name(pg_lsn)", "pg_current_wal_lsn()" }) do
    it("since this role may not ask " .. name, function()
      must(log, ("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC"):format(name))
      assert.equal("warning", works())
      must(log, ("GRANT EXECUTE ON FUNCTION %s TO PUBLIC"):format(name))
    end)
  end

  it("beyond its number, since this role may not ask how much WAL is written", function()
    must(log, "REVOKE EXECUTE ON FUNCTION pg_current_wal_insert_lsn() FROM PUBLIC")
    other = logs.as(db, role)
    assert.same({ 1, 2 }, logs.drained(other))
    local feed = other:follow(1, { listen = false, poll = 0.01 })
    assert.equal(2, feed:next(5).seq)
    assert.is_nil(feed:next(0.1))
    assert.equal("1:2", feed:position(true))
    assert.is_false(other:gap("1:2"))
    must(log, "GRANT EXECUTE ON FUNCTION pg_current_wal_insert_lsn() TO PUBLIC")
  end)

  -- Such a server has functions of these names that raise. Here one is put before the real one.
  it("since its functions raise", function()
    must(log, [[ALTER FUNCTION pg_catalog.pg_current_wal_lsn() RENAME TO pg_real_wal_lsn;
      CREATE FUNCTION pg_catalog.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS $$
        BEGIN RAISE object_not_in_prerequisite_state USING MESSAGE = 'not here'; END $$]])
    assert.equal("warning", works())
  end)
end)
