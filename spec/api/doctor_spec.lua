-- log:diagnose() as a whole: what it checks, and what it says where there is no log or a plain one.
-- What each check finds is in the specs of doctor/; what takes a server of its own, in spec/load.
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must, connect = logs.must, logs.connect
local fine, finds = findings.fine, findings.finds

describe("diagnose", function()
  local db, log
  findings.in_each(function(...) db, log = ... end)

  it("notes that what a feed has woken cannot be prepared", function()
    local function noted()
      for _, finding in ipairs(assert(log:diagnose())) do
        if finding.code == "may_not_prepare" then return finding.severity end
      end
    end
    local prepared = must(log, "SHOW max_prepared_transactions")[1].max_prepared_transactions
    assert.equal(tonumber(prepared) > 0 and "note" or nil, noted())
    assert(log:watch("item", { notify = false }))
    assert.is_nil(noted())
    assert(log:watch("item"))
  end)

  it("finds nothing above a note where all is well", function()
    must(log, "INSERT INTO item (n) VALUES (1)")
    local made = {}
    for _, finding in ipairs(assert(log:diagnose())) do
      assert.is_true(finding.severity == "ok" or finding.severity == "note",
        finding.check .. ": " .. finding.message)
      assert.is_true(#finding.message > 3)
      made[finding.check] = true
    end
    for _, name in ipairs({ "server", "standby", "locks", "synchronous_commit",
      "replication_role", "fsync", "encoding",
      "autovacuum", "log", "install", "guard", "state", "sequence",
      "tables", "partitions", "role", "visibility", "owner", "grants", "writers",
      "pooler", "trimmer", "consumers" }) do
      assert.is_true(made[name], name)
    end
  end)

  it("speaks where there is no log, and says where one is", function()
    local empty = support.database()
    local other = connect(empty)
    local finding = finds(other, "log", "error", "no table forge_change_log in schema public")
    assert.equal("forgelog install", finding.advice)
    fine(other, "pooler")
    must(other, "CREATE SCHEMA feed")
    assert(other:install({ schema = "feed" }))
    finding = finds(other, "log", "error", "no table")
    assert.is_truthy(finding.advice:find("in schema feed", 1, true))
    must(other, "SET search_path = nowhere")
    finds(other, "log", "error", "no schema")
    other:close()
    local nowhere = connect(empty, { schema = "no'where" })
    local feed = connect(empty, { schema = "feed" })
    finding = finds(nowhere, "log", "error", "no schema")
    assert.is_truthy(finding.advice:find([[--schema 'no'\''where']], 1, true))
    fine(feed, "log")
    fine(feed, "install")
    nowhere:close()
    feed:close()
    support.drop(empty)
  end)

  it("raises misuse, and returns the error of a lost connection", function()
    assert.has_error(function() log:diagnose({ older = 1 }) end)
    local other = connect(db)
    must(other, "SELECT pg_terminate_backend($1)", logs.backend(log))
    local list, err = log:diagnose()
    assert.is_nil(list)
    assert.equal("lost", err.kind)
    other:close()
  end)

  it("finds a plain log", function()
    local plain, other = logs.framework()
    finds(other, "install", "warning", "plain log")
    fine(other, "log")
    finds(other, "tables", "note", "TRUNCATE of item is not logged")
    must(other, "ALTER TABLE item DISABLE TRIGGER forge_reactivity")
    local finding = finds(other, "tables", "error", "trigger forge_reactivity is disabled")
    must(other, finding.advice:match("(.*), then"))
    assert.equal(1, #findings.wrong(other, "tables"))
    assert(other:install())
    fine(other, "install")
    must(other, [[DROP TRIGGER forge_reactivity ON item; CREATE TRIGGER mine
      AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
    finds(other, "tables", "note", "trigger mine of item is not for INSERT, UPDATE and DELETE")
    other:close()
    support.drop(plain)
  end)

end)
