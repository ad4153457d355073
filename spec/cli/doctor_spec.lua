-- forgelog doctor: what it prints as text and as JSON, and its exit status.
local command = require "support.command"
local dkjson = require "dkjson"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("forgelog doctor", function()
  local db, log

  before_each(function()
    db, log = logs.installed()
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function doctor(arguments)
    local status, output, errors = command.run(db, "doctor " .. (arguments or ""))
    assert.equal("", errors)
    return status, output
  end

  local function warn() must(log, "GRANT INSERT ON forge_change_log TO PUBLIC") end
  local function fail() must(log, "DROP TRIGGER forge_capture_insert ON item") end

  it("ends with 0, 3 or 4", function()
    local status, output = doctor()
    assert.equal(0, status)
    assert.is_truthy(output:find("\nok       tables              changes of 1 table are logged\n",
      1, true), output)
    assert.is_truthy(output:match("[^\n]+\n$"):find("^0 errors, 0 warnings, 2 notes, %d+ ok\n$"),
      output)
    warn()
    status, output = doctor()
    assert.equal(3, status)
    assert.is_truthy(output:match("[^\n]+\n$"):find("^0 errors, 1 warning, 2 notes, "), output)
    assert.is_truthy(output:find("\n +REVOKE INSERT ON public.forge_change_log FROM PUBLIC\n"))
    fail()
    status, output = doctor()
    assert.equal(4, status)
    assert.is_truthy(output:find("\nerror    tables ", 1, true), output)
    assert.is_truthy(output:match("[^\n]+\n$"):find("^1 error, 1 warning, 2 notes, "), output)
    assert.is_nil(output:find("\27", 1, true))
  end)

  it("colours when told to", function()
    fail()
    local _, output = doctor("--color always")
    assert.is_truthy(output:find("\27[31merror  \27[0m  tables ", 1, true), output)
    assert.is_truthy(output:find("\27[32mok     \27[0m  log ", 1, true), output)
  end)

  it("is quiet about what is well", function()
    local status, output = doctor("--quiet")
    assert.same({ 0, "" }, { status, output })
    fail()
    status, output = doctor("--quiet")
    assert.equal(4, status)
    assert.is_truthy(output:find("^error    tables  changes of item are missed[^\n]*\n"
      .. " +forgelog watch item, [^\n]*\n$"), output)
  end)

  it("advises a watch of the same columns, however they are called", function()
    must(log, [[CREATE TABLE odd (id int PRIMARY KEY, "a,b" text, "it's ""q""" text, " s " text)]])
    assert(log:watch("odd", { keep = { "a,b", " s " }, ignore = { 'it\'s "q"', "a,b" } }))
    local _, before = log:watched()
    must(log, "DROP TRIGGER forge_capture_insert ON odd")
    local _, output = doctor("--quiet")
    local words = output:match("forgelog (watch odd [^\n]*), then")
    assert.equal(0, command.run(db, words))
    local _, after = log:watched()
    assert.same({ before.odd.keep, before.odd.ignore }, { after.odd.keep, after.odd.ignore })
    assert.equal(0, (doctor("--quiet")))
  end)

  it("prints one JSON document", function()
    warn()
    local status, output = doctor("--json")
    assert.equal(3, status)
    local list, rest = dkjson.decode(output)
    assert.equal("\n", output:sub(rest))
    local seen = {}
    for _, finding in ipairs(list) do
      seen[finding.severity] = (seen[finding.severity] or 0) + 1
      assert.equal(finding.severity == "ok", finding.advice == nil)
      assert.is_truthy(finding.check and finding.message)
    end
    assert.equal(1, seen.warning)
    assert.is_nil(seen.error)
    assert.is_true(seen.ok > 15)
    status, output = doctor("--json --quiet")
    assert.equal(3, status)
    list = dkjson.decode(output)
    assert.equal(1, #list)
    assert.equal("grants", list[1].check)
    must(log, "REVOKE INSERT ON forge_change_log FROM PUBLIC")
    assert.same({ 0, "[]\n" }, { doctor("--json --quiet") })
  end)

  it("takes the age of what should have been trimmed", function()
    logs.fill(log, 1001)
    must(log, "UPDATE forge_change_log SET created_at = created_at - interval '2 hours'")
    assert.equal(0, (doctor("--older-than 3h")))
    local status, output = doctor("--older-than 90m")
    assert.equal(3, status)
    assert.is_truthy(output:find("forgelog trim --older-than 90m --quiet", 1, true), output)
  end)

  it("speaks where there is no log, and fails where there is no database", function()
    local empty = support.database()
    local status, output = command.run(empty, "doctor")
    assert.equal(4, status)
    assert.is_truthy(output:find("\n +forgelog install\n"), output)
    status, output = command.run("host=/nowhere port=1 user=x dbname=x", "doctor")
    assert.same({ 1, "" }, { status, output })
    support.drop(empty)
  end)
end)
