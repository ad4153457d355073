-- forgelog without a command: how far it is with a database, and what to type next.
local command = require "support.command"
local dkjson = require "dkjson"
local forgelog = require "forgelog"
local logs = require "support.logs"
local parking = require "forgelog.consumer.parking"
local support = require "support"

describe("forgelog alone", function()
  local db, log
  before_each(function()
    db = support.database()
    log = assert(forgelog.connect(db))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function must(sql) return assert(log:query(sql)) end

  -- What it prints, in which runs of blanks are one.
  local function says(arguments, on)
    return (command.says(on or db, "", arguments or ""):gsub("  +", " "))
  end

  -- Runs the command that it names first, as a user who pastes it would.
  local function follow_it(shown)
    local line = assert(shown:match("\nNext:\n (.-)\n"), shown)
    local ok, output, errors = support.run(("PATH=%s/bin:$PATH; export %s; %s"):format(
      command.prefix(), command.environment(db), line))
    assert.is_true(ok, output .. errors)
  end

  it("leads from nothing to a log, to a watched table, to a consumer", function()
    must("CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE \"Odd one\" (id int)")
    local shown = says()
    assert.matches("^database forgelog_%S+, PostgreSQL %d+%S*, as role postgres\n"
      .. "log there is none yet\n\nNext:\n forgelog install # make the log in schema public\n$",
      shown)
    follow_it(shown)
    shown = says()
    assert.matches("\nlog public%.forge_change_log, empty\ntables none is watched yet, "
      .. "so nothing is logged\n", shown)
    assert.matches("\n forgelog watch orders '\"Odd one\"' #", shown)
    assert.is_nil(shown:find("forgelog doctor", 1, true)) -- it would only say the same
    follow_it(shown)
    shown = says()
    assert.matches("\ntables Odd one, orders are watched\nconsumers none [^\n]+\ndoctor [^\n]+\n\n"
      .. "Next:\n forgelog follow # see changes as they are committed: change a row of Odd one\n$",
      shown)
    must("INSERT INTO orders VALUES (1), (2)")
    shown = says()
    assert.matches("\nlog public%.forge_change_log, 2 changes, the oldest %d+%.?%d* s old, ", shown)
    assert.matches("\ntables Odd one, orders are watched\n"
      .. "consumers none keeps its position in this database\n"
      .. "trim nothing was ever deleted: without a trim the log grows for ever\ndoctor ", shown)
    assert.matches("\n forgelog trim %-%-older%-than 7d %-%-every 5m #", shown)
    assert.matches("\n forgelog drain %-%-name first %-%-exec cat #", shown)
    assert.matches("\n forgelog follow %-%-since now #", shown)
  end)

  it("names tables however long their names are", function()
    assert(log:install())
    local names = {}
    for i = 1, 4 do
      names[i] = ("a"):rep(60) .. i
      must(("CREATE TABLE %s (id int PRIMARY KEY)"):format(names[i]))
    end
    assert.matches("\n forgelog watch " .. table.concat(names, " ") .. " # log ", (says()))
  end)

  it("says how far consumers are, and that the log is trimmed", function()
    assert(log:install())
    must("CREATE TABLE orders (id int PRIMARY KEY)")
    assert(log:watch("orders"))
    must("INSERT INTO orders SELECT g FROM generate_series(1, 20) g")
    command.says(db, "", "drain --name search --limit 15")
    command.says(db, "", "drain --name mail")
    must("INSERT INTO forge_change_log_consumers (name, position) VALUES ('lost', '1:2')")
    assert(log:trim(logs.server_time(log) + 60, { min_rows = 10 }))
    local shown = says()
    assert.matches("\ntables orders is watched\nconsumers lost must resync %(trimmed%); "
      .. "mail is up to date; search is 5 changes %([%d.]+ s%) behind, not running\ndoctor ", shown)
    assert.is_nil(shown:find("\ntrim", 1, true))
    assert.matches("\n forgelog status # how they stand: lost has work to do, and does not run; "
      .. "start it\n", shown)
  end)

  it("names what lets a consumer go on that was paused, or that has parked changes", function()
    assert(log:install())
    must("CREATE TABLE orders (id int PRIMARY KEY)")
    assert(log:watch("orders"))
    must("INSERT INTO orders VALUES (1)")
    command.says(db, "", "drain --name 'my mail'")
    command.says(db, "", "pause 'my mail'")
    assert(parking.park(log.connection, "search", "1", { seq = 1, table_name = "orders",
      op = "INSERT", row_id = "1", created_at = 1764373736 }, "no", 3))
    local shown = says()
    assert.matches("\n forgelog resume 'my mail' # it is paused\n", shown)
    assert.matches("\n forgelog parked search # the changes that it could not handle\n", shown)
  end)

  it("finds the log in another schema", function()
    must("CREATE SCHEMA feed")
    assert(log:install({ schema = "feed" }))
    local shown = says()
    assert.matches("\nlog none in schema public, but in feed\n\nNext:\n"
      .. " forgelog %-s feed # the log in schema feed\n forgelog install #", shown)
    follow_it(shown)
    assert.same({ "feed" }, dkjson.decode(command.says(db, "", "--json")).logs)
  end)

  it("tells in one line what the doctor finds, as a warning here", function()
    assert(log:install())
    must("CREATE TABLE orders (id int PRIMARY KEY); GRANT INSERT ON forge_change_log TO PUBLIC")
    assert(log:watch("orders"))
    local warnings = 0
    for _, finding in ipairs(log:diagnose()) do
      if finding.severity == "warning" then warnings = warnings + 1 end
    end
    assert.is_true(warnings > 0)
    local shown = says()
    assert.matches(("\ndoctor 0 errors, %d warnings?: [%%a_, ]+\n\nNext:\n "
      .. "forgelog doctor %%-%%-quiet #"):format(warnings), shown)
  end)

  it("names first what an install takes: a schema in which nobody else may create", function()
    assert.matches("\nNext:\n psql %-c 'CREATE SCHEMA \"x\"' # [^\n]+\n forgelog %-s x install # ",
      says("-s x"))
    follow_it(says("-s x"))
    assert.matches("\nNext:\n forgelog %-s x install # ", says("-s x"))
    must("GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert.matches("\nNext:\n psql %-c 'REVOKE CREATE ON SCHEMA \"public\" FROM PUBLIC' # [^\n]+\n "
      .. "forgelog install # ", says())
    follow_it(says())
    follow_it(says())
    assert.matches("\nlog public.forge_change_log, empty\n", says())
  end)

  it("leads to the doctor where a table is gone that was watched", function()
    assert(log:install())
    must("CREATE TABLE orders (id int PRIMARY KEY)")
    assert(log:watch("orders"))
    must("DROP TABLE orders")
    assert.matches("\n forgelog doctor %-%-quiet # ", says())
  end)

  it("repeats the options that say where the log is", function()
    must("CREATE SCHEMA \"my feed\"")
    local name = db:match("dbname=(%S+)")
    assert.matches(("\n forgelog %%-d %s %%-s 'my feed' install #"):format(name),
      says(("-d %s --schema 'my feed'"):format(name)))
  end)

  it("prints a short usage where it cannot connect, and what to give", function()
    local status, output, errors = command.run("host=/nowhere port=1 user=x dbname=x", "")
    assert.equal(1, status)
    assert.matches("^forgelog: [^\n]*/nowhere[^\n]*; hint: give %-h %-p %-U %-d or PGHOST[^\n]*\n$",
      errors)
    assert.matches("^Usage: forgelog COMMAND", output)
    local _, object = command.run("host=/nowhere port=1 user=x dbname=x", "--json")
    object = assert(dkjson.decode(object))
    assert.equal("unreachable", object.state)
    assert.matches("/nowhere", object.error)
    assert.matches("^give %-h", object.hint)
  end)

  it("serves a role that can only read, and writes nothing", function()
    assert(log:install())
    must("CREATE TABLE orders (id int PRIMARY KEY)")
    assert(log:watch("orders"))
    must("INSERT INTO orders VALUES (1)")
    local role, drop = logs.role(log, [[ALTER ROLE %s SET default_transaction_read_only = on;
      GRANT SELECT ON forge_change_log, forge_change_log_state TO %s]])
    local own = db:gsub("user=%S+", "user=" .. role)
    local shown = says("", own)
    assert.matches("as role " .. role, shown)
    assert.matches("\nlog public%.forge_change_log, 1 change, ", shown)
    assert.matches("\ntables orders is watched\nconsumers ", shown)
    assert.is_nil(shown:find("forgelog trim", 1, true))
    assert.matches("\n forgelog drain %-%-position%-file first.position #", shown)
    drop()
  end)

  it("says what a role may not read", function()
    assert(log:install())
    local role, drop = logs.role(log)
    local status, output, errors = command.run((db:gsub("user=%S+", "user=" .. role)), "")
    assert.equal(1, status)
    assert.matches("^forgelog: [^\n]*permission denied[^\n]*; hint: forgelog doctor says which",
      errors)
    assert.matches("^Next:\n   forgelog doctor %-%-quiet  #", output)
    drop()
  end)
end)
