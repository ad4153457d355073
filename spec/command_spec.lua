-- The installed command: usage, help, exit status, connections, and what it says of tables.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"
local terminal = require "support.terminal"

local version = os.getenv("FORGELOG_LUA_VERSION")

local db, log
before_each(function()
  db = support.database()
  log = assert(forgelog.connect(db))
  assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, note text); CREATE TABLE customers (id int)"))
end)
after_each(function()
  log:close()
  support.drop(db)
end)

-- One line on standard error, nothing on standard output.
local function fails(expected, pattern, arguments)
  local status, output, errors = command.run(db, arguments)
  assert.equal(expected, status, arguments .. ": " .. output .. errors)
  assert.equal("", output)
  assert.matches("^forgelog: [^\n]+\n$", errors)
  assert.matches(pattern, errors)
  return errors
end

local function says(pattern, arguments)
  local status, output, errors = command.run(db, arguments)
  assert.equal(0, status, arguments .. ": " .. output .. errors)
  assert.equal("", errors)
  assert.matches(pattern, output)
  return output
end

describe("the command", function()
  it("tells wrong usage in one line, with a hint, and ends with 2", function()
    for arguments, pattern in pairs({
      [""] = "a command is required; hint: forgelog %-%-help",
      dance = "unknown command 'dance'",
      ["drain --wrong"] = "unknown option '%-%-wrong'; hint: forgelog drain %-%-help",
      ["drain --limit -1"] = "unknown option '%-1'",
      ["drain --limit 1.5"] = "'1.5' is no whole number, 0 or more",
      ["drain --batch 0"] = "1 or more",
      ["drain --since soon"] = "since is no position",
      ["drain --format xml"] = "must be one of 'text', 'json', 'tsv'",
      ["drain --name a --position-file b"] = "can not be used together",
      ["status --json --prometheus"] = "can not be used together",
      ["trim --older-than soon"] = "'soon' is no duration such as 90s, 15m, 1h or 7d",
      ["trim --older-than 1h --every 0"] = "too short",
      watch = "missing argument 'table'",
      ["completion fish"] = "must be one of 'bash', 'zsh'",
      ["--timeout"] = "requires an argument",
    }) do
      fails(2, pattern, arguments)
    end
  end)

  it("helps, and tells its version", function()
    local all = says("^Usage: forgelog ", "--help")
    for name in ("install watch unwatch watched drain follow trim status doctor position forget completion man"):gmatch("%a+") do
      assert.matches("\n   " .. name .. " ", all)
      assert.matches("^Usage: forgelog " .. name, says("", name .. " --help"))
    end
    assert.equal("forgelog " .. forgelog._VERSION .. "\n", says("", "--version"))
  end)

  it("has a man page that names all that --help names", function()
    local ok, page, errors = support.run("man -l --warnings " .. command.prefix() .. "/share/man/man1/forgelog.1 | col -b")
    assert.is_true(ok)
    assert.equal("", errors)
    page = page:gsub("‐\n%s*", ""):gsub("%s+", " ")
    local count = 0
    for name in ("install watch drain follow trim status doctor"):gmatch("%a+") do
      for option in says("", name .. " --help"):gmatch("\n   (%-%-[%a-]+)") do
        count = count + 1
        assert.truthy(option == "--help" or page:find(option, 1, true), option)
      end
    end
    assert.is_true(count > 25)
    assert.matches("EXIT STATUS.*doctor: warnings", page)
  end)

  it("completes in bash and zsh", function()
    local script = says("complete %-F _forgelog", "completion bash")
    local file = support.path("completion")
    local out = assert(io.open(file, "w"))
    out:write(script, "\nCOMP_WORDS=(forgelog fol)\nCOMP_CWORD=1\n_forgelog\necho \"${COMPREPLY[@]}\"\n",
      "COMP_WORDS=(forgelog trim --old)\nCOMP_CWORD=2\n_forgelog\necho \"${COMPREPLY[@]}\"\n")
    out:close()
    local _, answer, errors = support.run("bash " .. file)
    assert.equal("follow\n--older-than\n", answer, errors)
    says("^#compdef forgelog", "completion zsh")
  end)

  it("connects by options as psql does, before and after the command", function()
    assert(log:install())
    local host, port, name = db:match("host=(%S+)"), db:match("port=(%S+)"), db:match("dbname=(%S+)")
    local elsewhere = "host=/nowhere port=1 user=nobody dbname=nothing"
    for _, arguments in ipairs({
      ("-h %s -p %s -U postgres -d %s position"):format(host, port, name),
      ("position -d %s --host %s --port %s --username postgres"):format(name, host, port),
      ("position -d '%s'"):format(db),
      ("position -d 'dbname=%s' -h %s -p %s -U postgres"):format(name, host, port),
      ("position -d 'postgresql:///%s?host=%s&port=%s' -U postgres"):format(name, host, port),
      ("position -d 'postgresql:///other?port=%s' -U postgres -h %s -d %s"):format(port, host, db:gsub("(.*)", "'%1'")),
    }) do
      local status, output, errors = command.run(elsewhere, arguments)
      assert.equal("0 1:0\n", status .. " " .. output, arguments .. errors)
    end
    local status, _, errors = command.run(elsewhere, "position")
    assert.equal(1, status)
    assert.matches("^forgelog: [^\n]*/nowhere[^\n]*; hint: give %-h %-p %-U %-d or PGHOST[^\n]*\n$", errors)
  end)

  it("finds another schema", function()
    assert(log:query("CREATE SCHEMA feed"))
    says("^installed the log in schema feed\n", "install --schema feed")
    fails(1, "no table .*run forgelog install first", "position")
    says("^watching orders\n", "watch orders -s feed")
    assert(log:query("INSERT INTO orders VALUES (1)"))
    says('"table_name":"public.orders"', "drain --format json --schema feed")
    fails(1, "no table .*run forgelog install first", "drain --schema nowhere")
  end)

  it("tells SQLSTATE and kind only when asked", function()
    assert.is_nil(fails(1, "no table", "drain"):find("SQLSTATE", 1, true))
    fails(1, "%(kind schema, SQLSTATE 42P01%)", "drain --verbose")
  end)

  it("refuses a password in its arguments, and never tells one", function()
    for _, conninfo in ipairs({ "password=secret dbname=x", "sslpassword = 'secret'", "postgresql://me:secret@/x",
      "postgres:///x?password=secret" }) do
      local errors = fails(2, "can be read by everybody", ('drain -d "%s"'):format(conninfo))
      assert.is_nil(errors:find("secret", 1, true))
    end
  end)
end)

describe("the command with a password", function()
  local server, own
  setup(function()
    server = support.server()
    support.psql("CREATE ROLE me LOGIN PASSWORD 'secret'; CREATE DATABASE shop OWNER me", server.conninfo)
    server:hba("local all me scram-sha-256")
    own = server.conninfo:gsub("user=%S+", "user=me"):gsub("dbname=%S+", "dbname=shop")
  end)
  teardown(function() server:stop() end)

  it("takes it from the environment or a file", function()
    local status, _, errors = command.run(own, "install -w")
    assert.equal(1, status)
    assert.matches("no password supplied", errors)
    local file = support.path("pgpass")
    assert(support.run(("umask 077; echo '*:*:*:me:secret' >%s"):format(file)))
    for _, variable in ipairs({ "PGPASSWORD=secret", "PGPASSFILE=" .. file }) do
      local ok, output, why = support.run("export " .. variable .. "; " .. command.line(own, "install -w"))
      assert.is_true(ok, output .. why)
    end
    local _, output, why = support.run("PGPASSWORD=wrongsecret " .. command.line(own, "position -w"))
    assert.equal("", output)
    assert.matches("password authentication failed", why)
    assert.is_nil(why:find("wrongsecret", 1, true))
  end)

  it("asks for it on a terminal, unseen, and shows it in no process list", function()
    assert(support.run("PGPASSWORD=secret " .. command.line(own, "install")))
    local screen = terminal.start(command.line(own, "follow"))
    screen:expect("Password:")
    screen:type("secret", "Enter")
    support.wait_until(function()
      return support.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'me' AND query <> ''",
        server.conninfo) == "1"
    end, "it to follow")
    local _, processes = support.run("ps -eo args")
    assert.matches("forgelog follow", processes)
    assert.is_nil(processes:find("secret", 1, true))
    screen:type("C-c")
    assert.is_nil(screen:expect("ended with 0"):find("secret", 1, true))
    screen:close()
  end)
end)

describe("forgelog install, watch, unwatch, watched", function()
  it("say what was done and what was there", function()
    assert.matches("created    table forge_change_log\n.*created    extension hstore\nUPDATEs are captured by hstore\n",
      says("^installed the log in schema public\n", "install"))
    assert.matches("was there  table forge_change_log\n", says("^nothing to do for the log in schema public\n", "install"))
    assert(log:query("DROP TRIGGER forge_log_deleted ON forge_change_log"))
    assert.matches("created    triggers that keep count", says("^updated the log in schema public\n", "install"))
    assert.equal("watching orders\nwatching customers\n", says("", "watch orders customers"))
    assert.equal("orders was watched so already\n", says("", "watch orders"))
    assert.equal("watching orders\n", says("", "watch orders --ignore note,total --no-notify"))
    local names, about = log:watched()
    assert.same({ "customers", "orders" }, names)
    assert.same({ "note", "total" }, about.orders.ignore)
    assert.is_false(about.orders.notify)
    assert.matches("customers +statement +ok\norders +statement +ok +ignores note, total +notifies nobody\n", says("", "watched"))
    assert(log:query("ALTER TABLE customers DISABLE TRIGGER forge_capture_delete"))
    assert.matches("customers +statement +missing: delete\n", says("", "watched"))
    local list = assert(require("dkjson").decode((says("", "watched --json"))))
    assert.same({ "delete" }, list[1].missing)
    assert.same({}, list[2].missing)
    assert.equal("no longer watching orders\norders was not watched\n", says("", "unwatch orders orders"))
  end)

  it("do what can be done, and fail for the rest", function()
    assert(log:install())
    local status, output, errors = command.run(db, "watch orders nosuch customers")
    assert.equal(1, status)
    assert.equal("watching orders\nwatching customers\n", output)
    assert.matches("^forgelog: watch: there is no table nosuch here\n$", errors)
    fails(1, "has no column x to ignore", "watch orders --ignore x")
  end)

  it("capture without hstore where it is not wanted", function()
    assert.matches("not there  extension hstore\nUPDATEs are captured by jsonb\n", says("", "install --no-hstore"))
  end)
end)

-- With the Lua of a user's shell: only where that is the one the suite runs on.
if version == "5.4" then
  describe("the command in its tree", function()
    it("says what it lacks", function()
      local _, output, errors = support.run(("LUA_PATH='%s/src/?.lua;%s/src/?/init.lua' lua5.4 '%s/bin/forgelog' status"):format(
        os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_ROOT")))
      assert.equal("", output)
      assert.matches("^forgelog: the command needs the Lua module argparse: [^\n]+\n$", errors)
    end)
  end)
end
