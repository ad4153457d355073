-- cli/lib/parser.lua: what the values of options may be, and what --help and --version print.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")

describe("the parser", function()
  local db = support.conninfo()

  it("refuses values that an option may not have, and options that exclude each other", function()
    for arguments, pattern in pairs({
      ["drain --limit 1.5"] = "'1.5' is no whole number, 0 or more",
      ["drain --batch 0"] = "1 or more",
      ["drain --since soon"] = "%-%-since: 'soon' is no position",
      ["drain --since 2026-02-30"] = "%-%-since: '2026%-02%-30': there is no day 2026%-02%-30;",
      ["follow --since 2026-11-24T25:00"] = "there is no time of day 25:00;",
      ["follow --since '2026-11-24 10:00 MEZ'"] = " MEZ is no offset such as Z or %+02:00;",
      ["drain --since 1h30"] = "'1h30' is no position.*nor is it a time such as 2026%-11%-24T10:00"
        .. ", or an age such as 2h",
      ["drain --since Now"] = ", nor `beginning` or `now`; hint:",
      ["drain --since 1.5"] = "'1.5' is no position",
      ["rewind one soon"] = "^forgelog: position: 'soon' is no position: .*; nor is it a time ",
      ["rewind one"] = "missing argument 'position'",
      ["lanes one 0"] = "'0' is no whole number, from 1 to 1024",
      ["lanes one 1025"] = "from 1 to 1024",
      ["pause"] = "missing argument 'name'",
      ["drain --format xml"] = "must be one of 'text', 'json', 'tsv'",
      ["drain --name a --position-file b"] = "can not be used together",
      ["status --lag 60s"] = "%-%-lag goes with %-%-check; hint: forgelog status %-%-help\n$",
      ["status --name a"] = "%-%-name goes with %-%-check",
      ["status --interval 5s"] = "%-%-interval goes with %-%-watch",
      ["install --owner x --no-owner"] = "can not be used together",
      ["status --check --watch"] = "can not be used together",
      ["status --check --lag soon"] = "'soon' is no duration",
      ["status --watch --prometheus"] = "can not be used together",
      ["trim --older-than soon"] = "'soon' is no duration such as 90s, 15m, 1h30m or 7d",
      ["trim --older-than 1h --every 0"] = "too short",
      ["completion fish"] = "must be one of 'bash', 'zsh'",
    }) do
      command.fails(db, 2, pattern, arguments)
    end
  end)

  it("takes nothing empty, as a variable is that was never set, but for a key", function()
    for _, words in ipairs({ "drain --tables ''", "drain --tables=", "follow --op ''",
      "drain --column ''", "drain --channel ''", "drain --name x --exec ''", "drain --name ''",
      "follow --name=", "drain --position-file ''", "drain --schema ''", "-d '' status",
      "install --owner ''", "watch orders --keep ''", "watch ''", "pause one ''", "rewind '' 0",
      "backfill x --table ''", "backfill x --table y --from ''", "status --check --name ''" }) do
      command.fails(db, 2, "^forgelog: %-?%-?[%a-]+: it is empty; is a variable not set%?; hint: ",
        words)
    end
    command.fails(db, 1, "there is no table", "drain --key ''")
  end)

  it("takes no name of a lane for a consumer's", function()
    for _, words in ipairs({ "drain --name 'x#1/2'", "follow --name 'x#1/2'", "pause 'x#1/2'",
      "rewind 'x#1/2' now", "lanes 'x#1/2'", "backfill 'x#1/2' --table y" }) do
      command.fails(db, 2, "^forgelog: %-?%-?name: 'x#1/2' is the name of a lane, and the "
        .. "consumer's is x; hint: ", words)
    end
  end)

  it("helps, and tells its version", function()
    local all = command.says(db, "^Usage: forgelog ", "--help")
    for name in ("install watch unwatch watched drain follow trim status doctor position forget "
      .. "rewind pause resume lanes parked retry skip backfill completion man help "
      .. "version"):gmatch("%a+") do
      assert.matches("\n   " .. name .. " ", all)
      command.says(db, "^Usage: forgelog " .. name, name .. " --help")
    end
    assert.equal("forgelog " .. forgelog._VERSION .. "\n", command.says(db, "", "--version"))
    assert.equal("forgelog " .. forgelog._VERSION .. "\n", command.says(db, "", "-V"))
  end)

  it("has help and version as commands, too", function()
    assert.equal(command.says(db, "", "--help"), command.says(db, "", "help"))
    assert.equal(command.says(db, "", "trim --help"), command.says(db, "", "help trim"))
    assert.equal(command.says(db, "", "--version"), command.says(db, "", "version"))
    assert.equal(command.says(db, "", "--version"), command.says(db, "", "--schema x version"))
    command.fails(db, 2, "^forgelog: unknown command 'trum'; did you mean 'trim'%?; hint: "
      .. "forgelog %-%-help\n$", "help trum")
    command.fails(db, 2, "^forgelog: too many arguments", "version trim")
  end)
end)

describe("the command in its tree", function()
  it("says what it lacks", function()
    local path = ("%s/src/?.lua;%s/src/?/init.lua"):format(root, root)
    local _, output, errors = support.run(("LUA_PATH='%s' '%s' '%s/bin/forgelog' status"):format(
      path, os.getenv("FORGELOG_LUA"), root))
    assert.equal("", output)
    assert.matches("^forgelog: the command needs the Lua module argparse: [^\n]+\n$", errors)
  end)
end)
