-- Connections that need a server with settings of its own: passwords, and TLS.
local connections = require "support.connections"
local failures = require "support.failures"
local forgelog = require "forgelog"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local must = logs.must

describe("connect on a server that asks for passwords", function()
  local whoami, whoami_with = connections.whoami, connections.whoami_with
  local server, base, host, port

  setup(function()
    server = support.server()
    base = server.conninfo
    host, port = base:match("host=(%S+)"), base:match("port=(%S+)")
    local log = logs.connect(base)
    must(log, "CREATE ROLE keyed LOGIN PASSWORD 'open: sesame'; CREATE ROLE plain LOGIN")
    log:close()
    server:hba("local all keyed scram-sha-256")
  end)
  teardown(function() server:stop() end)

  it("takes the password in a URI, and in a table", function()
    assert.equal("keyed postgres", (whoami(
      ("postgres://keyed:open%%3A%%20sesame@/postgres?host=%s&port=%s"):format(host, port))))
    assert.equal("keyed postgres", (whoami({ host = host, port = tonumber(port), user = "keyed",
      dbname = "postgres", password = "open: sesame" })))
  end)

  it("takes a service, and a password from a file", function()
    local service = process.file(("[log]\nhost=%s\nport=%s\nuser=keyed\ndbname=postgres\n"):format(
      host, port))
    local passfile = process.file(("%s:%s:*:keyed:open\\: sesame\n"):format(host, port))
    assert(support.run("chmod 600 '" .. passfile .. "'"))
    local environment = ("PGSERVICEFILE='%s' PGPASSFILE='%s'"):format(service, passfile)
    assert.equal("keyed postgres", whoami_with(environment .. " PGSERVICE=log", "nil"))
    assert.equal("keyed postgres", whoami_with(environment, "{ service = 'log' }"))
    assert.equal("plain postgres", whoami_with(environment, "'service=log user=plain'"))
    assert.equal("keyed postgres", (whoami({ host = host, port = port, user = "keyed",
      dbname = "postgres", passfile = passfile })))
  end)

  it("says that a password is wrong", function()
    local log, err = forgelog.connect(base .. " user=keyed password=wrong")
    assert.is_nil(log)
    failures.check(err, "connect", "28P01", false, "password authentication failed")
  end)

  it("drains through TLS as well, and checks the certificate as told", function()
    local key, owner = server.dir .. "/data/tls", "--reference='" .. server.dir .. "/data'"
    assert(support.run(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=forgelog "
      .. "-keyout '%s.key' -out '%s.crt' && chmod 600 '%s.key' && "
      .. "chown %s '%s.key' '%s.crt'"):format(key, key, key, owner, key, key)))
    server:set("ssl=on", "ssl_cert_file=" .. key .. ".crt", "ssl_key_file=" .. key .. ".key")
    local db, direct = logs.installed(base)
    logs.fill(direct, 30000)
    db = db .. " host=127.0.0.1 sslmode="
    local log
    support.wait_until(function()
      log = forgelog.connect(db .. "require")
      return log
    end, "TLS", 10)
    assert.is_true(must(log, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[1].ssl)
    assert.equal(30000, #logs.drained(log))
    local long = ("x"):rep(3000000)
    assert.is_true(must(log, "SELECT $1::text AS text", long)[1].text == long)
    log:close()
    logs.connect(db .. "verify-ca sslrootcert=" .. key .. ".crt"):close()
    local none, err = forgelog.connect(db .. "verify-full sslrootcert=" .. key .. ".crt")
    assert.is_nil(none)
    assert.equal("connect", err.kind)
    assert.matches("forgelog", err.message) -- the name in the certificate
    direct:close()
  end)
end)
