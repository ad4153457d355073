-- cli/lib/errors.lua: each error says which option or argument to change.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"

describe("an error of usage names the option, or the argument", function()
  local db = support.conninfo()
  for arguments, pattern in pairs({
    ["drain --limit ten"] = "^forgelog: %-%-limit: 'ten' is no whole number, 0 or more; hint: ",
    ["drain --limit 1,00"] = "%-%-limit: '1,00' is no whole number",
    ["drain --batch 0"] = "%-%-batch: '0' is no whole number, 1 or more",
    ["drain --since soon"] = "^forgelog: %-%-since: 'soon' is no position",
    ["drain --settle x"] = "%-%-settle: 'x' is no duration such as 90s, 15m, 1h30m or 7d",
    ["drain --op upsert"] = "%-%-op: 'upsert' is none of insert, update, delete, truncate, "
      .. "reload",
    ["drain --key -1"] = "unknown option '%-1': a value that begins with a hyphen follows an "
      .. "equals sign, as in %-%-key=%-1",
    ["follow --poll 1h30"] = "%-%-poll: '1h30' is no duration",
    ["--timeout soon status"] = "%-%-timeout: 'soon' is no duration",
    ["trim --older-than 1x"] = "%-%-older%-than: '1x' is no duration",
    ["trim --older-than 1h --every 0s"] = "%-%-every: '0s' is too short",
    ["trim --older-than 1h --min-rows few"] = "%-%-min%-rows: 'few' is no whole number",
    ["trim"] = "missing option '%-%-older%-than'",
    ["status --watch --interval 0"] = "%-%-interval: '0' is too short",
    ["status --check --lag soon"] = "%-%-lag: 'soon' is no duration",
    ["doctor --older-than soon"] = "%-%-older%-than: 'soon' is no duration",
    ["rewind one soon"] = "^forgelog: position: 'soon' is no position",
    ["lanes one 0"] = "number: '0' is no whole number, from 1 to 1024",
    ["skip one x"] = "seq: 'x' is no seq such as 4711 or r17",
  }) do
    it("(" .. arguments .. ")", function() command.fails(db, 2, pattern, arguments) end)
  end
end)

describe("an error at work", function()
  local db, log
  setup(function()
    db, log = command.database { orders = "id bigint PRIMARY KEY, total int" }
    assert(log:query([[CREATE TABLE plain (id int); CREATE UNLOGGED TABLE quick (id int);
      INSERT INTO orders VALUES (1, 1)]]))
  end)
  teardown(function()
    command.stop()
    log:close()
    support.drop(db)
  end)

  it("names the option that helps", function()
    local broken = support.path("position")
    support.write(broken, "no position\n")
    for arguments, pattern in pairs({
      ["position -h /nowhere"] = "hint: give %-h %-p %-U %-d or PGHOST, ",
      ["position -d nosuch"] = "hint: give another database by %-d or PGDATABASE, or make it",
      ["position -U nosuch"] = "hint: give another role by %-U, or its password by PGPASSWORD",
      ["drain --schema nowhere"] = "or name the schema that has the log by %-%-schema",
      ["drain --tables ordes"] = "^forgelog: %-%-tables: there is no table ordes here, .*; "
        .. "is orders meant%?\n$",
      ["follow --tables plain"] = "^forgelog: %-%-tables: table plain is not watched, .*; "
        .. "run forgelog watch plain first\n$",
      ["drain --column totl"] = "^forgelog: %-%-column: no watched table has a column totl; "
        .. "is total meant%?\n$",
      ["follow --column totl --tables orders"] = "^forgelog: %-%-column: none of these tables has "
        .. "a column totl; is total meant%?\n$",
      ["drain --position-file " .. broken] = "what it holds is no position: .*; hint: "
        .. ".*%-%-position%-file\n$",
      ["drain --position-file /nowhere/position"] = "^forgelog: %-%-position%-file "
        .. "/nowhere/position: /nowhere/position.lock cannot be locked: No such file",
      ["watch ordes"] = "there is no table ordes here; is orders meant%?\n$",
      ["watch plan"] = "there is no table plan here; is plain meant%?\n$",
      ["watch orders --ignore totl"] = "has no column totl to ignore; is total meant%?; "
        .. "hint: that is a column of %-%-ignore\n$",
      ["watch orders --keep total --keep x"] = "has no column x to keep; "
        .. "hint: that is a column of %-%-keep\n$",
      ["watch quick"] = "is unlogged: .*; hint: %-%-unlogged watches it all the same\n$",
      ["touch ordes"] = "is orders meant%?",
    }) do
      command.fails(db, 1, pattern, arguments)
    end
  end)

  it("names --timeout where the server does not answer", function()
    local other = assert(forgelog.connect(db))
    assert(other:query("BEGIN; LOCK TABLE forge_change_log IN ACCESS EXCLUSIVE MODE"))
    command.fails(db, 1, "no answer within 1 s; .*; hint: %-%-timeout allows for more",
      "position --timeout 1s")
    other:close()
  end)

  it("names --settle where writers stay open", function()
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders VALUES (2, 2)"))
    command.fails(db, 1, "%-%-settle waits for longer", "drain --settle 50ms")
    command.fails(db, 1, "; hint: %-%-settle waits for them for longer", "position --settle 50ms")
    writer:close()
  end)

  it("names --name, or --position-file, where another program has it", function()
    local file = support.path("position")
    for option, pattern in pairs({ ["--name one"] = "hint: end that one, or give another %-%-name",
      ["--position-file " .. file] = "^forgelog: %-%-position%-file [^ ]+: another drain or follow "
        .. "works with it %(process %d+%)\n$" }) do
      local other = command.start(db, "follow --json " .. option)
      support.wait_until(function() return other:output() ~= "" end, "it to follow")
      command.fails(db, 1, pattern, "drain " .. option)
      other:kill()
      other:wait()
    end
  end)

  it("says how to end the session of a program that is gone, which frees its name", function()
    local other = command.start(db, "follow --json --name gone")
    support.wait_until(function() return other:output() ~= "" end, "it to follow")
    assert(other:kill("STOP")) -- to the server it is as if its machine had died
    local errors = command.fails(db, 1, "hint: end that one", "drain --name gone")
    command.fails(db, 1, "consumer gone is running.*; hint: where its machine is gone: SELECT pg_",
      "forget gone")
    local sql = errors:match("where its machine is gone: (SELECT pg_terminate_backend%(%d+%))\n$")
    assert.truthy(sql, errors)
    assert(log:query(sql))
    support.wait_until(function() return command.run(db, "drain --name gone") == 0 end, "the name")
    other:kill("KILL")
    other:wait()
  end)
end)
