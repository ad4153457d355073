-- What diagnose finds of the consumers that keep their position in the table store.
local consumer = require "forgelog.consumer"
local findings = require "support.findings"
local logs = require "support.logs"

local must = logs.must
local fine, finds = findings.fine, findings.finds

describe("diagnose", function()
  local db, log
  findings.in_each(function(...) db, log = ... end)

  -- A consumer that has read the log up to now, and gone.
  local function consume(name)
    local one = consumer.new({ conninfo = db, name = name, position = consumer.table(),
      start = "beginning", on_changes = function() end })
    repeat
      local done = one:step(0.1)
    until not done
    one:close()
  end

  it("finds changes that are parked", function()
    fine(log, "parked")
    must(log, [[INSERT INTO forge_change_log_parked
             (consumer, seq, key, table_name, op, waits, parked_at)
      SELECT 'a b', g, 'k', 'item', 'UPDATE', g > 1, now() - interval '2 hours'
        FROM generate_series(1, 3) g]])
    local found = finds(log, "parked", "warning", "3 changes of consumer a b are parked "
      .. "(2 of them only behind others), the oldest for 2 h")
    assert.equal("see forgelog parked 'a b'; once that is mended: forgelog retry 'a b'; or leave "
      .. "one out: forgelog skip 'a b' SEQ", found.advice)
    local role, drop_role = logs.role(log, [[GRANT SELECT ON forge_change_log,
      forge_change_log_state, forge_change_log_consumers TO %s]])
    local poor = logs.as(db, role)
    assert.is_truthy(finds(poor, "parked", "note", "permission denied").advice:find("GRANT SELECT "
      .. "ON public.forge_change_log_parked TO " .. role, 1, true))
    poor:close()
    drop_role()
    must(log, "DROP TABLE forge_change_log_parked")
    fine(log, "parked")
  end)

  it("finds consumers that were passed by, stand still, or fall behind", function()
    fine(log, "consumers")
    must(log, "INSERT INTO item (n) VALUES (1)")
    for _, name in ipairs({ "passed by", "still", "slow" }) do consume(name) end
    logs.fill(log, 3)
    fine(log, "consumers")
    must(log, [[UPDATE forge_change_log SET created_at = created_at - interval '30 hours'
      WHERE seq > 1]])
    finds(log, "consumers", "warning", "consumer slow is 3 changes behind, the oldest of 1 d 6 h")
    fine(log, "consumers", { older_than = 7 * 86400 })
    must(log, [[UPDATE forge_change_log_consumers SET updated_at = updated_at - interval '25 hours'
      WHERE name <> 'slow']])
    local still = finds(log, "consumers", "warning",
      "no session runs consumer still, which has not moved for 1 d 1 h")
    assert.is_truthy(still.advice:find("forgelog forget still", 1, true))
    must(log, "DELETE FROM forge_change_log WHERE seq < 3")
    must(log, [[UPDATE forge_change_log_consumers
      SET position = regexp_replace(position, ':.*', ':3') WHERE name <> 'passed by']])
    local passed = finds(log, "consumers", "error",
      "consumer passed by has missed changes: trims have passed it by")
    assert.is_truthy(passed.advice:find("forgelog forget 'passed by'", 1, true))
    assert.is_truthy(passed.advice:find("forgelog position", 1, true))
    for position, why in pairs({ ["1:999"] = "recreated or restored",
      ["9:3"] = "took over from another one" }) do
      must(log, "UPDATE forge_change_log_consumers SET position = $1 WHERE name = 'passed by'",
        position)
      finds(log, "consumers", "error", why)
    end
    must(log, "DELETE FROM forge_change_log_consumers")
    fine(log, "consumers")
  end)
end)
