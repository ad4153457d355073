-- cli/lib/format.lua: changes as text for people, as JSON, and as TSV for COPY.
local command = require "support.command"
local process = require "support.process"
local support = require "support"

describe("a change", function()
  local db, log

  -- One of the changes is full of characters that each format must escape.
  setup(function()
    db, log = command.database {
      orders = "id bigint PRIMARY KEY, n int", customers = "id text PRIMARY KEY" }
    assert(log:query("INSERT INTO customers VALUES (E'a\tb\\\\c\27[31m\"')"))
    assert(log:query("INSERT INTO orders VALUES (7, 1)"))
    assert(log:query("UPDATE orders SET n = 2"))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  it("is a line of text, with nothing in it that a terminal would obey", function()
    local time = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d"
    command.says(db, "^     1  " .. time .. "  INSERT    customers  a\\x09b\\c\\x1b%[31m\"\n"
      .. "     2  " .. time .. "  INSERT    orders     7\n"
      .. "     3  " .. time .. "  UPDATE    orders     7  %(n%)\n$", "drain")
    command.says(db, "\27%[32mINSERT\27%[0m", "drain --color always")
  end)

  it("is a line of JSON with all fields", function()
    local lines = command.says(db, "", "drain --format json")
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
  end)

  it("is a line of TSV that COPY reads", function()
    assert(log:query("CREATE TABLE again (LIKE forge_change_log)"))
    assert(support.run(("%s | psql -qX -d %s -c 'COPY again FROM STDIN'"):format(
      command.line(db, "drain --format tsv"), process.quote(db))))
    assert.same({}, log:query("TABLE again EXCEPT TABLE forge_change_log"))
    assert.equal(3, log:query("SELECT count(*) AS n FROM again")[1].n)
  end)
end)
