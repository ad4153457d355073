-- cli/lib/connect.lua: options and variables as psql has them, passwords, the schema of the log.
local command = require "support.command"
local forgelog = require "forgelog"
local process = require "support.process"
local support = require "support"

describe("connecting", function()
  local db, log
  before_each(function()
    db = support.database()
    log = assert(forgelog.connect(db))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("goes by options as psql does, before and after the command", function()
    assert(log:install())
    local host, port, name = db:match("host=(%S+) port=(%S+) .*dbname=(%S+)")
    local elsewhere = "host=/nowhere port=1 user=nobody dbname=nothing"
    for _, arguments in ipairs({
      ("-h %s -p %s -U postgres -d %s position"):format(host, port, name),
      ("position -d %s --host %s --port %s --username postgres"):format(name, host, port),
      ("position -d '%s'"):format(db),
      ("position -d 'dbname=%s' -h %s -p %s -U postgres"):format(name, host, port),
      ("position -d 'postgresql:///%s?host=%s&port=%s' -U postgres"):format(name, host, port),
      ("position -d 'postgresql:///other?port=%s' -U postgres -h %s -d '%s'")
        :format(port, host, db),
    }) do
      local status, output, errors = command.run(elsewhere, arguments)
      assert.equal("0 1:0\n", status .. " " .. output, arguments .. errors)
    end
    local status, _, errors = command.run(elsewhere, "position")
    assert.equal(1, status)
    assert.matches("^forgelog: [^\n]*/nowhere[^\n]*; "
      .. "hint: give %-h %-p %-U %-d or PGHOST[^\n]*\n$", errors)
  end)

  it("finds another schema", function()
    assert(log:query("CREATE SCHEMA feed; CREATE TABLE orders (id bigint PRIMARY KEY)"))
    command.says(db, "^installed the log in schema feed\n", "install --schema feed")
    command.fails(db, 1, "no table .*run forgelog install first", "position")
    command.says(db, "^watching orders\n", "watch orders -s feed")
    assert(log:query("INSERT INTO orders VALUES (1)"))
    command.says(db, '"table_name":"public.orders"', "drain --format json --schema feed")
    command.fails(db, 1, "no table .*run forgelog install first", "drain --schema nowhere")
  end)

  it("refuses a password in its arguments, and never tells one", function()
    for _, conninfo in ipairs({ "password=secret dbname=x", "sslpassword = 'secret'",
      "postgresql://me:secret@/x", "postgres:///x?password=secret" }) do
      local errors = command.fails(db, 2, "can be read by everybody",
        ('drain -d "%s"'):format(conninfo))
      assert.is_nil(errors:find("secret", 1, true))
    end
  end)
end)

describe("connecting with a password", function()
  local role = "me_" .. process.unique()
  local db, own, file

  -- The server asks this role alone for a password.
  setup(function()
    db = support.database()
    support.psql(("CREATE ROLE %s LOGIN PASSWORD 'secret'; ALTER DATABASE %s OWNER TO %s; "
      .. "GRANT CREATE ON SCHEMA public TO %s"):format(role, db:match("dbname=(%S+)"), role, role),
      db)
    assert(support.run(("exec %s/spec/support/postgres hba %s 'local all %s scram-sha-256'"):format(
      os.getenv("FORGELOG_ROOT"), process.quote(os.getenv("PGHOST")), role)))
    own = db:gsub("user=%S+", "user=" .. role)
    support.wait_until(function()
      return not support.run(("exec psql -w -c '' '%s'"):format(own))
    end, "the server to ask for a password")
    file = support.path("pgpass")
    assert(support.run(("umask 077; echo '*:*:*:%s:secret' >%s"):format(role, file)))
  end)
  teardown(function()
    command.stop()
    support.drop(db)
    support.psql("DROP ROLE " .. role)
  end)

  it("takes it from the environment or a file", function()
    local status, _, errors = command.run(own, "install -w")
    assert.equal(1, status)
    assert.matches("no password supplied; hint: give the password by %-W, PGPASSWORD, ", errors)
    for _, variable in ipairs({ "PGPASSWORD=secret", "PGPASSFILE=" .. file }) do
      local output
      status, output, errors = command.run(own, "install -w", variable)
      assert.equal(0, status, output .. errors)
    end
    local _, output, why = command.run(own, "position -w", "PGPASSWORD=wrongsecret")
    assert.equal("", output)
    assert.matches("password authentication failed", why)
    assert.is_nil(why:find("wrongsecret", 1, true))
  end)

  it("asks for it on a terminal, unseen, and shows it in no process list", function()
    assert.equal(0, (command.run(own, "install", "PGPASSWORD=secret")))
    local screen = command.terminal(own, "follow")
    screen:expect("Password:")
    screen:type("secret", "Enter")
    support.wait_until(function()
      return support.psql(("SELECT count(*) FROM pg_stat_activity"
        .. " WHERE usename = '%s' AND query <> ''"):format(role)) == "1"
    end, "it to follow")
    local _, processes = support.run("ps -eo args")
    assert.matches("forgelog follow", processes)
    assert.is_nil(processes:find("secret", 1, true))
    screen:type("C-c")
    assert.is_nil(screen:expect("ended with 0"):find("secret", 1, true))
  end)
end)
