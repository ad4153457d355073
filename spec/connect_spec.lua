-- All the ways libpq has to say where to connect to, and what is told when that does not work.
local forgelog = require "forgelog"
local load = require "support.load"
local support = require "support"

local must = load.must

local function write(text)
  local name = support.path("text")
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  return name
end

describe("connect", function()
  local server, base, host, port
  setup(function()
    server = support.server()
    base = server.conninfo
    host, port = base:match("host=(%S+)"), base:match("port=(%S+)")
    local log = load.connect(base)
    must(log, [[CREATE DATABASE "odd 'name' \ ="]])
    must(log, "CREATE ROLE keyed LOGIN PASSWORD 'open: sesame'; CREATE ROLE plain LOGIN")
    log:close()
    server:hba("local all keyed scram-sha-256")
  end)
  teardown(function() server:stop() end)

  local function whoami(conninfo, opts)
    local log = load.connect(conninfo, opts)
    local row = must(log, "SELECT current_user || ' ' || current_database() AS who, "
      .. "current_setting('application_name') AS app")[1]
    log:close()
    return row.who, row.app
  end

  -- The same in a process of its own, with an environment of its own.
  local function whoami_with(environment, conninfo)
    local script = write([[
      local log = assert(require("forgelog").connect(]] .. conninfo .. [[))
      print(log:query("SELECT current_user || ' ' || current_database() AS who")[1].who)
    ]])
    local ok, output, errors = support.run(("env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE %s '%s' '%s'"):format(environment,
      os.getenv("FORGELOG_LUA"), script))
    assert.is_true(ok, errors)
    return (output:gsub("\n$", ""))
  end

  it("takes a string of keywords and values", function()
    local who, app = whoami(base)
    assert.equal("postgres postgres", who)
    assert.equal("forgelog", app)
    assert.same({ "plain postgres", "my program" }, { whoami(base:gsub("user=postgres", "user=plain")
      .. " application_name='my program'") })
  end)

  it("takes a URI", function()
    local quoted = host:gsub("/", "%%2F")
    assert.equal("plain postgres", (whoami(("postgresql://plain@%s:%s/postgres"):format(quoted, port))))
    assert.equal("keyed postgres", (whoami(("postgres://keyed:open%%3A%%20sesame@/postgres?host=%s&port=%s"):format(host, port))))
    local uri = ("postgres://postgres@127.0.0.1:%s/odd%%20'name'%%20%%5C%%20%%3D"):format(port)
    assert.equal("postgres odd 'name' \\ =", (whoami(uri)))
  end)

  it("takes a table of keywords, whatever is in its values", function()
    assert.equal("keyed postgres", (whoami({ host = host, port = tonumber(port), user = "keyed", dbname = "postgres",
      password = "open: sesame" })))
    assert.same({ "postgres odd 'name' \\ =", "it's \\ a 'test'" }, { whoami({ host = host, port = port, user = "postgres",
      dbname = "odd 'name' \\ =", application_name = "it's \\ a 'test'" }) })
    assert.equal("plain postgres", (whoami({ host = "127.0.0.1", port = port, user = "plain", dbname = "postgres",
      options = "" })))
  end)

  it("takes nothing, and then the environment", function()
    local environment = ("PGHOST='%s' PGPORT=%s PGUSER=plain PGDATABASE=postgres"):format(host, port)
    assert.equal("plain postgres", whoami_with(environment, "nil"))
    assert.equal("plain postgres", whoami_with(environment, "''"))
    assert.equal("plain postgres", whoami_with(environment, "{}"))
    assert.equal("postgres postgres", whoami_with(environment, "'user=postgres'"))
  end)

  it("takes a service, and a password from a file", function()
    local service = write(("[log]\nhost=%s\nport=%s\nuser=keyed\ndbname=postgres\n"):format(host, port))
    local passfile = write(("%s:%s:*:keyed:open\\: sesame\n"):format(host, port))
    assert(support.run("chmod 600 '" .. passfile .. "'"))
    local environment = ("PGSERVICEFILE='%s' PGPASSFILE='%s'"):format(service, passfile)
    assert.equal("keyed postgres", whoami_with(environment .. " PGSERVICE=log", "nil"))
    assert.equal("keyed postgres", whoami_with(environment, "{ service = 'log' }"))
    assert.equal("plain postgres", whoami_with(environment, "'service=log user=plain'"))
    assert.equal("keyed postgres", (whoami({ host = host, port = port, user = "keyed", dbname = "postgres",
      passfile = passfile })))
  end)

  it("tries one host after another", function()
    assert.equal("plain postgres", (whoami(("host=127.0.0.1,%s port=1,%s user=plain dbname=postgres"):format(host, port))))
    assert.equal("plain postgres", (whoami(("postgres://plain@127.0.0.1:1,127.0.0.1:%s/postgres"):format(port))))
    local log, err = forgelog.connect(base .. " target_session_attrs=standby")
    assert.is_nil(log)
    assert.equal("connect", err.kind)
  end)

  it("finds the log by the search path, or in the schema it is told", function()
    local log = load.connect(base)
    must(log, 'CREATE SCHEMA "Odd ""one"; CREATE SCHEMA other')
    assert(log:install({ schema = 'Odd "one' }))
    assert(log:install({ schema = "other" }))
    must(log, [[INSERT INTO other.forge_change_log (table_name, op) VALUES ('o', 'INSERT');
      INSERT INTO "Odd ""one".forge_change_log (table_name, op) VALUES ('a', 'INSERT'), ('b', 'INSERT')]])
    assert.equal("schema", load.drain_error(log).kind)
    must(log, "SET search_path = other")
    assert.same({ "o" }, load.drained(log, 0, nil, "table_name"))
    -- another log has another history: what was known of the horizon is not carried over
    must(log, [[SET search_path = "Odd ""one"]])
    assert.same({ "a", "b" }, load.drained(log, 0, nil, "table_name"))
    log:close()
    log = load.connect(base, { schema = 'Odd "one' })
    assert.equal(2, log:max_seq())
    assert.same({ "a", "b" }, load.drained(log, 0, nil, "table_name"))
    log:close()
  end)

  it("tells what failed", function()
    local function fails(conninfo, kind, sqlstate, retryable, text)
      local log, err = forgelog.connect(conninfo)
      assert.is_nil(log)
      assert.equal(kind, err.kind)
      assert.equal(sqlstate, err.sqlstate)
      assert.equal(retryable, err.retryable)
      assert.matches(text, err.message, 1, true)
      assert.matches("forgelog: connect: ", tostring(err), 1, true)
    end
    fails("host=127.0.0.1 port=1 user=plain", "connect", nil, true, "refused")
    fails("host=/nonexistent user=plain", "connect", nil, true, "/nonexistent")
    fails(base .. " dbname=nowhere", "connect", "3D000", false, "nowhere")
    fails(base .. " user=stranger", "connect", "28000", false, "stranger")
    fails(base .. " user=keyed password=wrong", "connect", "28P01", false, "password authentication failed")
    fails(base .. " host=127.0.0.1 sslmode=require", "connect", nil, true, "SSL")
  end)

  it("tells what is wrong with a conninfo", function()
    for _, conninfo in ipairs({ "nonsense", "host", "hots=x", "postgres://[", "port=x host=y", "sslmode=maybe host=y" }) do
      local log, err = forgelog.connect(conninfo)
      assert.is_nil(log)
      assert.equal("connect", err.kind)
      assert.is_true(#err.message > 5)
    end
    local log, err = forgelog.connect({ hots = "x" })
    assert.is_nil(log)
    assert.matches("hots", err.message)
  end)

  it("gives its connection back: close, and collection", function()
    local watcher = load.connect(base)
    local function count()
      return must(watcher, "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'counted'")[1].n
    end
    local log = load.connect(base .. " application_name=counted")
    assert.equal(1, count())
    log:close()
    support.wait_until(function() return count() == 0 end, "the close", 5)
    for _ = 1, 20 do load.connect(base .. " application_name=counted") end
    collectgarbage() collectgarbage()
    support.wait_until(function() return count() == 0 end, "the collection", 5)
    watcher:close()
  end)

  it("drains through TLS as well, and checks the certificate as told", function()
    local key, owner = server.dir .. "/data/tls", "--reference='" .. server.dir .. "/data'"
    assert(support.run(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=forgelog -keyout '%s.key' -out '%s.crt' && "
      .. "chmod 600 '%s.key' && chown %s '%s.key' '%s.crt'"):format(key, key, key, owner, key, key)))
    server:set("ssl=on", "ssl_cert_file=" .. key .. ".crt", "ssl_key_file=" .. key .. ".key")
    local db, direct = load.installed(base)
    load.fill(direct, 30000)
    db = db .. " host=127.0.0.1 sslmode="
    local log
    support.wait_until(function()
      log = forgelog.connect(db .. "require")
      return log
    end, "TLS", 10)
    assert.is_true(must(log, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[1].ssl)
    assert.equal(30000, #load.drained(log))
    local long = ("x"):rep(3000000)
    assert.is_true(must(log, "SELECT $1::text AS text", long)[1].text == long)
    log:close()
    load.connect(db .. "verify-ca sslrootcert=" .. key .. ".crt"):close()
    local none, err = forgelog.connect(db .. "verify-full sslrootcert=" .. key .. ".crt")
    assert.is_nil(none)
    assert.equal("connect", err.kind)
    assert.matches("forgelog", err.message) -- the name in the certificate
    direct:close()
  end)
end)
