-- What diagnose finds wrong with the watched tables: triggers, keys, parents and partitions.
local findings = require "support.findings"
local logs = require "support.logs"

local must = logs.must
local fine, finds, breaks = findings.fine, findings.finds, findings.breaks

describe("diagnose", function()
  local log
  findings.in_each(function(_, own) log = own end)

  it("finds triggers of watched tables that are gone, off, or altered", function()
    breaks(log, "tables", "error", [[DROP TRIGGER forge_capture_insert ON item;
      ALTER TABLE item DISABLE TRIGGER forge_capture_delete]],
      "item are missed: its triggers are missing or disabled for insert, delete",
        "forgelog watch item")
    breaks(log, "tables", "error", [[DROP TRIGGER forge_capture_truncate ON item;
      CREATE TRIGGER forge_capture_truncate AFTER INSERT ON item
        FOR EACH STATEMENT EXECUTE FUNCTION forge_capture_truncate('notify')]],
      "not as watch makes them for truncate", "forgelog watch item")
    breaks(log, "tables", "warning", [[ALTER TABLE item DROP CONSTRAINT item_pkey;
      ALTER TABLE item ADD PRIMARY KEY (tx, id)]], "row_id is tx, id now", "forgelog watch item")
    breaks(log, "tables", "warning", [[CREATE TRIGGER mine AFTER INSERT ON item FOR EACH ROW
      EXECUTE FUNCTION forge_notify_change()]], "item has the row trigger mine and is watched")
    must(log, 'CREATE TABLE "Odd \'n" (n int)')
    assert(log:watch('"Odd \'n"'))
    finds(log, "tables", "note", "Odd 'n has no primary key")
    must(log, [[DROP TRIGGER forge_capture_insert ON "Odd 'n"]])
    local finding = finds(log, "tables", "error", "Odd 'n")
    assert.is_truthy(finding.advice:find([['Odd '\''n']], 1, true))
    assert(log:unwatch('"Odd \'n"'))
    assert(log:unwatch("item"))
    finds(log, "tables", "warning", "no table is watched")
  end)

  it("finds tables that joined others, and partitions that are not covered", function()
    must(log, [[CREATE TABLE parent (LIKE item);
      CREATE TABLE parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)]])
    breaks(log, "tables", "error", "ALTER TABLE item INHERIT parent",
      "item became part of a partitioned or parent table", "forgelog watch item")
    must(log, "CREATE TABLE below (PRIMARY KEY (id)) INHERITS (item)")
    local finding = finds(log, "tables", "note", "below inherits from item")
    assert.is_truthy(finding.advice:find("watch it too"))
    assert(log:watch("below"))
    assert(log:watch("parts"))
    breaks(log, "tables", "warning",
      "CREATE TABLE first PARTITION OF parts FOR VALUES FROM (0) TO (10)",
      "newest partitions of parts", "forgelog watch parts")
    local trigger = must(log, [[SELECT tgname AS name FROM pg_trigger
      WHERE tgrelid = 'first'::regclass AND tgname LIKE 'forge\_capture\_row%']])[1].name
    must(log, "ALTER TABLE first DISABLE TRIGGER " .. trigger)
    finding = finds(log, "tables", "error", "changes of first are missed")
    must(log, finding.advice:match("(.*); then"))
    fine(log, "tables")
    must(log, "CREATE TABLE second (id int PRIMARY KEY, n int)")
    assert(log:watch("second"))
    must(log, "ALTER TABLE parts ATTACH PARTITION second FOR VALUES FROM (10) TO (20)")
    fine(log, "tables") -- the watched table above it speaks for it, and of TRUNCATE it does itself
    assert(log:watch("second"))
    finds(log, "tables", "warning", "newest partitions of parts")
    assert(log:watch("parts"))
    fine(log, "tables")
  end)
end)
