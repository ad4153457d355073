-- Numbers never depend on the locale that a program has set, nor do letters: in statements,
-- durations, messages, metrics and JSON. Values of every type are in spec/api/values_spec.lua.
local dkjson = require "dkjson"
local exposition = require "support.exposition"
local locales = require "support.locales"
local logs = require "support.logs"
local support = require "support"

local GERMAN, TURKISH, WIDE = locales.GERMAN, locales.TURKISH, locales.WIDE
local BOTH = { GERMAN, TURKISH }

-- What a process prints that runs this in that locale, behind "log", a connection to `db`.
local function said(name, db, script)
  return locales.run(([[
    local core, forgelog = require "forgelog.core", require "forgelog"
    local units = require "forgelog.units"
    assert(os.setlocale((...)))
    local log = assert(forgelog.connect((select(2, ...))))
    %s]]):format(script), name, db)
end

describe("in a locale", function()
  local db, log
  setup(function()
    db, log = logs.installed()
    logs.fill(log, 3)
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  it("with another decimal point, numbers are written and read as in C", function()
    -- Lua itself cannot read a program with fractions in it once the third of these is set, so here
    -- it is set behind that.
    for _, name in ipairs({ GERMAN, TURKISH, WIDE }) do
      assert.equal("0.5 -2.5e-07 0.10 1000000000000000000 0.5 nil 0.3 s 1.5 kB 5400.5 true\n",
        said(name, db, [[
          print(table.concat({ core.number_text(0.5), core.number_text(-2.5e-7),
            core.number_text(0.1, 2), core.number_text(1e18),
            core.number_text(core.parse_number("0.5")), tostring(core.parse_number("0,5")),
            units.duration(0.3), units.bytes(1536), core.number_text(units.seconds("1.5h0.5s")),
            tostring(log:query("SELECT 0.5::float8 AS n")[1].n == 1 / 2) }, " "))]]), name)
    end
  end)

  it("a time is one for trim, status and the server", function()
    for _, name in ipairs(BOTH) do
      assert.equal("0 true true true\n", said(name, db, [[
        local status = assert(log:status())
        local now = log:query("SELECT extract(epoch FROM clock_timestamp())::float8 AS n")[1].n
        local deleted = assert(log:trim(now - 1000.5, { min_rows = 0, dry_run = true }))
        print(("%d %s %s %s"):format(deleted, tostring(math.abs(now - status.at) < 60),
          tostring(status.oldest_age > 0 and status.oldest_age ~= math.floor(status.oldest_age)),
          tostring(math.abs(os.time() - now) < 600)))]]), name)
    end
  end)

  it("time limits and options of libpq are taken with fractions", function()
    for _, name in ipairs(BOTH) do
      assert.equal("no answer within 0.25 s; the statement was cancelled ",
        said(name, db, [[
          log:close()
          -- As to a server that is far away, which has its time to answer when it is to cancel.
          local config = { connect_timeout = 10.0, options = "-cpost_auth_delay=1" }
          for keyword, value in (select(2, ...)):gmatch("(%w+)=(%S+)") do
            config[keyword] = tonumber(value) or value
          end
          log = assert(forgelog.connect(config)):limited(0.25)
          local _, err = log:query("SELECT pg_sleep(10)")
          io.write(err.message, " ")]]), name)
    end
  end)

  it("a refused connection says why, and nothing of where the server found that out", function()
    local shown = said(GERMAN, db, [[
      local conninfo = (select(2, ...)):gsub("dbname=%S+", "dbname=nosuch")
      local _, err = forgelog.connect(conninfo)
      io.write(err.sqlstate, " ", err.message)]])
    assert.matches("^3D000 [^\n]*nosuch[^\n]*$", shown)
    assert.is_nil(shown:find("%.c:%d"))
    -- Where libpq has its translations, what it calls that place is none of the words in C.
    support.note("libpq speaks %s", shown:find("connection to server") and "English" or "German")
  end)

  it("metrics and JSON have a decimal point", function()
    for _, name in ipairs(BOTH) do
      local shown = exposition.parse(locales.command(name, db, "status", "--prometheus"))
      local age = shown:sample("forgelog_oldest_change_age_seconds")
      assert.is_true(age.value > 0 and age.text:find("%.%d") ~= nil, name)
      local status = assert(dkjson.decode((locales.command(name, db, "status", "--json"))))
      assert.is_true(status.oldest_age > 0 and status.at ~= math.floor(status.at), name)
      local line = locales.command(name, db, "drain", "--limit", "1", "--format", "json")
      assert.matches('"created_at":%d+%.%d%d%d%d%d%d}\n$', line)
    end
  end)

  it("the command understands what is typed", function()
    for _, name in ipairs(BOTH) do
      local function run(...) return locales.command(name, db, ...) end
      assert.matches("would delete 0 changes older than 1 h 30 min, in %d+%.%d s; 3 remain",
        run("trim", "--older-than", "1.5h", "--dry-run"))
      assert.matches("INSERT .*item", run("drain", "--op", "insert", "--limit", "1"))
      assert.matches("%d+%.%d a second", run("status"))
    end
  end)

  it("whose bytes above 127 are letters, names stay as they are", function()
    logs.must(log, [[CREATE TABLE "größe" ("schlüssel" text PRIMARY KEY)]])
    assert(log:watch("größe"))
    logs.must(log, [[INSERT INTO "größe" VALUES ('Ä')]])
    for _, name in ipairs(BOTH) do
      assert.matches("INSERT    größe +Ä\n",
        locales.command(name, db, "drain", "--tables", "größe"))
    end
  end)
end)
