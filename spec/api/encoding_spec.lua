-- Databases of any encoding: a connection speaks UTF-8 where it can, an explicit choice stays, and
-- where it cannot, bytes come through as they are. Values are in spec/api/values_spec.lua.
local command = require "support.command"
local consumer = require "forgelog.consumer"
local dkjson = require "dkjson"
local findings = require "support.findings"
local forgelog = require "forgelog"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must

local function client_encoding(log)
  return must(log, "SELECT pg_client_encoding()::text AS name")[1].name
end

-- Watches a table of which all names have such a letter, writes to it, and sees that every way to
-- read the log finds it by its name and brings its values.
local function goes_through(conninfo, log, name)
  local kept, ignored = "k_" .. name, "i_" .. name
  must(log, "SET client_min_messages = warning")
  must(log, ('CREATE TABLE "%s" ("%s" text PRIMARY KEY, "%s" text, "%s" int)'):format(name, name,
    kept, ignored))
  assert(log:install())
  assert(log:watch(name, { keep = { kept }, ignore = { ignored } }))
  local handed = {}
  local one = consumer.new { name = name, position = consumer.table(), conninfo = conninfo,
    tables = { name }, on_resync = function() end,
    on_changes = function(changes)
      for _, change in ipairs(changes) do handed[#handed + 1] = change.row_id end
    end }
  one:step(1)
  must(log, ('INSERT INTO "%s" VALUES ($1, $1, 1)'):format(name), name)
  local found = {}
  for change in log:drain(0, { tables = { name } }) do found[#found + 1] = change end
  assert.equal(1, #found)
  assert.same({ name, name, name }, { found[1].table_name, found[1].row_id, found[1].new[kept] })
  one:step(5)
  one:close()
  assert.same({ name }, handed)
  local feed = log:follow(0, { tables = { name }, columns = { name } })
  assert.equal(name, assert(feed:next(5)).row_id)
  feed:close()
  local names, about = log:watched()
  assert.equal(name, names[1])
  about = about[name]
  assert.is_nil(about.wrong)
  assert.same({ { name }, { kept }, { ignored } }, { about.key, about.keep, about.ignore })
  findings.fine(log, "tables")
  assert.equal(name, assert(log:status()).consumers[1].name)
end

local NAMES = { UTF8 = "bücher表", LATIN1 = "bücher", EUC_JP = "表", SQL_ASCII = "b\252cher" }

for encoding, name in pairs(NAMES) do
  describe("a database in " .. encoding, function()
    local db, log
    setup(function()
      db = support.database(nil, nil, encoding)
      log = logs.connect(db)
    end)
    teardown(function()
      log:close()
      support.drop(db)
    end)

    it("is spoken to in UTF-8, unless it holds bytes of any encoding", function()
      local expected = encoding == "SQL_ASCII" and encoding or "UTF8"
      assert.equal(expected, client_encoding(log))
      assert(log.connection:reconnect())
      assert.equal(expected, client_encoding(log))
    end)

    it("goes through every way to read, by names that it has letters for", function()
      goes_through(db, log, name)
    end)

    it("is printed as valid JSON", function()
      local status, output, errors = command.run(db, "drain --format json")
      assert.equal(0, status, errors)
      local change = assert(dkjson.decode(output))
      local shown = encoding == "SQL_ASCII" and "b\239\191\189cher" or name
      assert.same({ shown, shown, shown },
        { change.table_name, change.row_id, change.new["k_" .. shown] })
      local told = select(2, errors:gsub("U%+FFFD", ""))
      assert.equal(encoding == "SQL_ASCII" and 1 or 0, told)
      status, output = command.run(db, "drain --format tsv --tables '" .. name .. "'")
      assert.equal(0, status)
      assert.equal(name, output:match("\t(%S+)\tINSERT"))
    end)

    it("is printed as UTF-8 whatever PGCLIENTENCODING says", function()
      if encoding == "SQL_ASCII" or encoding == "EUC_JP" then return end -- LATIN1 lacks it
      local status, output, errors = command.run(db, "drain --format json",
        "PGCLIENTENCODING=LATIN1")
      assert.equal(0, status, errors)
      assert.equal("", errors)
      assert.equal(name, assert(dkjson.decode(output)).row_id)
    end)

    it("is told of by the doctor where it can be read only as bytes", function()
      if encoding ~= "SQL_ASCII" then return findings.fine(log, "encoding") end
      findings.finds(log, "encoding", "warning", "SQL_ASCII")
    end)
  end)
end

describe("a database in which a letter of one byte has three in UTF-8", function()
  it("has its log in a schema of any name that there can be", function()
    local db = support.database(nil, nil, "WIN874")
    local schema = ("\224\184\129"):rep(63) -- Thai: KO KAI
    local log = logs.connect(db, { schema = schema })
    must(log, ('CREATE SCHEMA "%s"; CREATE TABLE t (id int PRIMARY KEY)'):format(schema))
    assert(log:install())
    assert(log:watch("public.t"))
    must(log, "INSERT INTO t VALUES (1); DELETE FROM t")
    local ops = logs.drained(log, 0, nil, "op")
    assert.same({ "INSERT", "DELETE" }, ops)
    local feed = log:follow(0)
    assert.equal("1", assert(feed:next(5)).row_id)
    feed:close()
    assert.equal(2, log:trim(logs.server_time(log) + 3600, { min_rows = 0 }))
    log:close()
    support.drop(db)
  end)
end)

describe("an encoding that was chosen", function()
  local db, log
  setup(function()
    db, log = logs.installed(nil, { t = "id text PRIMARY KEY" })
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  it("stays: by conninfo, options, service and environment", function()
    local service = support.path("service")
    support.write(service, "[latin]\n" .. db:gsub(" ", "\n") .. "\nclient_encoding=LATIN1\n")
    local file = "PGSERVICEFILE=" .. service
    for _, case in ipairs({
      { db .. " client_encoding=LATIN1", "" }, { db .. " options='-c client_encoding=LATIN1'", "" },
      { db, "PGCLIENTENCODING=LATIN1" }, { "service=latin", file },
      { "", file .. " PGSERVICE=latin" },
    }) do
      local script = support.path("script")
      support.write(script, [[
        local log = assert(require("forgelog").connect((...)))
        print(log:query("SELECT pg_client_encoding()::text AS n")[1].n)]])
      local ok, output, errors = support.run(("env %s '%s' %s \"%s\""):format(case[2],
        os.getenv("FORGELOG_LUA"), script, case[1]))
      assert.is_true(ok, errors)
      assert.equal("LATIN1\n", output)
    end
  end)

  it("by nobody but a role's or a database's setting is that of UTF-8 all the same", function()
    must(log, ("ALTER DATABASE %s SET client_encoding = 'LATIN1'"):format(db:match("dbname=(%S+)")))
    local other = logs.connect(db)
    assert.equal("UTF8", client_encoding(other))
    other:close()
    must(log, ("ALTER DATABASE %s RESET client_encoding"):format(db:match("dbname=(%S+)")))
  end)

  it("refuses names and keys with bytes that are no character", function()
    for _, wanted in ipairs { { tables = { "\255" } }, { columns = { "\255" } },
                              { keys = { "1", "\255" } } } do
      local ok, err = pcall(log:drain(0, wanted))
      assert.is_false(ok)
      assert.same({ "query", "22021" }, { err.kind, err.sqlstate })
      local feed = log:follow(0, wanted)
      for _ = 1, 2 do
        err = select(2, feed:next(5))
        assert.same({ "query", "22021" }, { err.kind, err.sqlstate })
      end
      feed:close()
      assert.equal(1, must(log, "SELECT 1 AS n")[1].n)
    end
  end)

  it("is the one that all text is in, both ways", function()
    local latin = logs.connect(db .. " client_encoding=LATIN1")
    goes_through(db .. " client_encoding=LATIN1", latin, "b\252cher")
    findings.finds(latin, "encoding", "warning", "LATIN1")
    latin:close()
    assert.same({ "bücher", "t" }, (log:watched()))
  end)

  it("is not that of the command, which takes and prints UTF-8", function()
    must(log, "INSERT INTO t VALUES ('bücher')")
    for _, named in ipairs({ { db, "PGCLIENTENCODING=LATIN1" },
      { db, "PGOPTIONS='-c client_encoding=LATIN1'" } }) do
      local status, output, errors = command.run(named[1], "drain --format json --key bücher",
        named[2])
      assert.equal("0", status .. errors)
      assert.equal("bücher", assert(dkjson.decode(output)).row_id)
      assert.matches("INSERT +t +bücher\n$", select(2, command.run(db, "drain", named[2])))
    end
    command.fails(db, 1, "the command takes all text in UTF%-8", "drain --key 'b\252cher'")
  end)

  it("that lacks a character is named by the error", function()
    local seq = assert(log:max_seq() or 0)
    must(log, "INSERT INTO t VALUES ('表')")
    local latin = logs.connect(db .. " client_encoding=LATIN1")
    local ok, err = pcall(function() for _ in latin:drain(seq) do assert(true) end end)
    assert.is_false(ok)
    assert.equal("22P05", err.sqlstate)
    assert.matches("client_encoding is LATIN1; client_encoding=UTF8 has every character",
      err.message, 1, true)
    latin:close()
    local _, other = log:query("SELECT $1::text AS x", "\252")
    assert.equal("22021", other.sqlstate)
    assert.matches("client_encoding is UTF8; connect with the client_encoding that the text is in",
      other.message, 1, true)
  end)

  it("is that of each client of a transaction-mode pooler, and so is UTF-8", function()
    local latin_db = support.database(nil, nil, "LATIN1")
    local pool = pooler.start(latin_db)
    local speaker = pool:connect()
    local latin = logs.connect(pool.conninfo .. " client_encoding=LATIN1")
    for _ = 1, 5 do
      assert.same({ "ä", 1 }, { must(speaker, "SELECT chr(228) AS c")[1].c,
        must(speaker, "SELECT length($1) AS n", "ä")[1].n })
      assert.same({ "\228", 1 }, { must(latin, "SELECT chr(228) AS c")[1].c,
        must(latin, "SELECT length($1) AS n", "\228")[1].n })
    end
    speaker:close()
    latin:close()
    pool:stop()
    support.drop(latin_db)
  end)

  it("that takes no bytes of any encoding is named by the error, too", function()
    local plain = support.database(nil, nil, "SQL_ASCII")
    local other = logs.connect(plain .. " client_encoding=UTF8")
    local _, err = other:query("SELECT '\228' AS x")
    assert.equal("22021", err.sqlstate)
    assert.matches("client_encoding is UTF8; client_encoding=SQL_ASCII takes any bytes",
      err.message, 1, true)
    other:close()
    support.drop(plain)
  end)

  it("is the database's own where the server knows no way from that to UTF-8", function()
    local mule = support.database(nil, nil, "MULE_INTERNAL")
    local other = logs.connect(mule)
    assert.equal("MULE_INTERNAL", client_encoding(other))
    findings.finds(other, "encoding", "warning", "this connection speaks MULE_INTERNAL")
    other:close()
    support.drop(mule)
  end)

  it("is refused where the server cannot convert, in words", function()
    local japanese = support.database(nil, nil, "EUC_JP")
    local none, err = forgelog.connect(japanese .. " client_encoding=LATIN1")
    assert.is_nil(none)
    assert.matches("LATIN1", err.message, 1, true)
    local other = logs.connect(japanese)
    none, err = other:query("SELECT $1::text AS x", "😀")
    assert.same({ nil, "22P05" }, { none, err.sqlstate })
    assert.matches("the database's own encoding lacks the character", err.message, 1, true)
    other:close()
    support.drop(japanese)
  end)

  it("refuses an encoding in which no text can be quoted", function()
    local none, err = forgelog.connect(support.conninfo() .. " client_encoding=SJIS")
    assert.is_nil(none)
    assert.equal("schema", err.kind)
    assert.is_false(err.retryable)
    assert.matches("client_encoding SJIS", err.message, 1, true)
  end)
end)
