-- cli/lib/format.lua: changes as text for people, as JSON, and as TSV for COPY.
local command = require "support.command"
local process = require "support.process"
local support = require "support"

describe("a change without a time", function()
  it("is a line in each format", function()
    local db = support.database()
    support.psql([[CREATE TABLE forge_change_log (seq bigserial, table_name text, op text);
      INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'RELOAD')]], db)
    command.says(db, "^     1  " .. (" "):rep(19) .. "  RELOAD    t\n$", "drain")
    command.says(db, '^{"seq":1,"table_name":"t","op":"RELOAD","row_id":null,"changed_cols":null,'
      .. '"created_at":null}\n$', "drain --format json")
    command.says(db, "^1\tt\tRELOAD" .. ("\t\\N"):rep(9) .. "\n$", "drain --format tsv")
    support.drop(db)
  end)
end)

describe("a change", function()
  local db, log

  -- One of the changes is full of characters that each format must escape.
  setup(function()
    db, log = command.database {
      orders = "id bigint PRIMARY KEY, n int", customers = "id text PRIMARY KEY" }
    assert(log:query("INSERT INTO customers VALUES (E'a\tb\\\\c\27[31m\"')"))
    assert(log:query("INSERT INTO orders VALUES (7, 1)"))
    assert(log:query("UPDATE orders SET n = 2"))
    assert(log:query([[INSERT INTO forge_change_log (table_name, op, row_id, changed_cols, txid,
        context, kept_cols, old_values, new_values, key_cols) VALUES
      ('users', 'UPDATE', '["1", "2"]', 'name,"a,b"', 9007199254740993, E'user\t7',
        '"a,b",name,photo,,photo', '{"x \"\\ y",NULL,NULL}', '{"x \"\\ y",bob,NULL}', 2),
      ('users', 'DELETE', '1', NULL, 7, NULL, 'name', '{ann}', NULL, NULL),
      ('users', 'INSERT', '1', NULL, NULL, NULL, 'name', NULL, '{bob}', NULL)]]))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  it("is a line of text, with nothing in it that a terminal would obey", function()
    local time = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d"
    command.says(db, "^     1  " .. time .. "  INSERT    customers  a\\x09b\\c\\x1b%[31m\"\n"
      .. "     2  " .. time .. "  INSERT    orders     7\n"
      .. "     3  " .. time .. "  UPDATE    orders     7  %(n%)\n"
      .. "     4  " .. time .. '  UPDATE    users      %["1", "2"%]  %(name,"a,b"%)'
      .. '  %[a,b: x "\\ y, name: NULL %-> bob, photo: %(too long%)%]  # user\\x097\n'
      .. "     5  " .. time .. "  DELETE    users      1  %[name: ann%]\n"
      .. "     6  " .. time .. "  INSERT    users      1  %[name: bob%]\n$", "drain")
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
      if i == 4 then change.txid, changes[i].txid = nil, nil end -- dkjson rounds it on Lua 5.1
      assert.same(change, changes[i])
    end
    assert.equal(6, i)
    assert.truthy(lines:find('"txid":9007199254740993,"context":"user\\t7","old":{"a,b":', 1, true))
    assert.truthy(lines:find('"new":{"name":"bob"}}', 1, true))
  end)

  it("is a line of TSV that COPY reads", function()
    assert(log:query("CREATE TABLE again (LIKE forge_change_log)"))
    assert(support.run(("%s | psql -qX -d %s -c 'COPY again FROM STDIN'"):format(
      command.line(db, "drain --format tsv"), process.quote(db))))
    assert.same({}, log:query("TABLE again EXCEPT TABLE forge_change_log"))
    assert.same({}, log:query("TABLE forge_change_log EXCEPT TABLE again"))
    assert.equal(6, log:query("SELECT count(*) AS n FROM again")[1].n)
  end)
end)
