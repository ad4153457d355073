-- forgelog backfill: asked of a consumer that runs and of one that does not; the lines of rows that
-- were read, and what status says meanwhile.
local command = require "support.command"
local dkjson = require "dkjson"
local exposition = require "support.exposition"
local support = require "support"

describe("forgelog backfill", function()
  local db, log
  before_each(function()
    db, log = command.database()
    assert(log:query([[INSERT INTO orders (n) SELECT g FROM generate_series(1, 5) g;
      ANALYZE orders]]))
  end)
  after_each(function()
    command.stop()
    log:close()
    support.drop(db)
  end)

  -- What a consumer's command was given: the lines of a file, once it has so many.
  local function lines_of(path, count)
    local list = {}
    support.wait_until(function()
      list = {}
      for line in (support.read(path) or ""):gmatch("[^\n]+\n") do list[#list + 1] = line end
      return #list >= count
    end, count .. " lines", 10)
    assert.equal(count, #list)
    return list
  end

  it("has a consumer that follows read a table, beside what is written", function()
    local path = support.path("lines")
    command.start(db, "follow --name mailer --since now --exec 'cat >>" .. path .. "'")
    support.wait_until(function() return command.saved(log, "mailer") end, "the consumer")
    command.says(db, "^mailer is to read orders from its beginning %(about 5 rows%)\n$",
      "backfill mailer --table orders")
    local first = assert(dkjson.decode(lines_of(path, 5)[1]))
    assert.equal("number", type(first.created_at))
    first.created_at = nil
    assert.same({ op = "READ", table_name = "orders", row_id = "1" }, first)
    assert(log:query("UPDATE orders SET n = 0 WHERE id = 3"))
    assert.matches('"op":"UPDATE","row_id":"3"', lines_of(path, 6)[6])
    command.says(db, "^mailer is to read orders behind 3 ",
      "backfill mailer --table public.orders --from 3")
    assert.matches('^{"table_name":"orders","op":"READ","row_id":"4",', lines_of(path, 8)[7])
  end)

  it("gives a consumer that asks for some keys no other rows", function()
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES ('m', '1:5')"))
    command.says(db, "", "backfill m --table orders")
    local run = command.start(db, "follow --name m --json --limit 2 --key 2 --key 4")
    local ok, output = run:wait()
    assert.is_true(ok)
    local keys = {}
    for key in output:gmatch('"row_id":"(%d)"') do keys[#keys + 1] = key end
    assert.equal("2 4", table.concat(keys, " "))
  end)

  it("prints rows as text and TSV", function()
    for format, pattern in pairs { text = "^ +%d%d%d%d%-[^\n]*  READ +orders +1\n",
      tsv = "^\\N\torders\tREAD\t1\t\\N\t%d%d%d%d%-" } do
      assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES ($1, '1:5')",
        format))
      command.says(db, "", "backfill --table orders " .. format)
      local run = command.start(db, "follow --limit 5 --name " .. format .. " --format " .. format)
      support.wait_until(function() return run:output():find(pattern) end, format, 10)
      assert.is_true((run:wait()))
    end
  end)

  it("is shown, paused, resumed and cancelled while the consumer runs nowhere", function()
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position) "
      .. "VALUES ('mailer', '1:0')"))
    local function asks(said, arguments)
      command.says(db, said, "backfill mailer --table orders " .. (arguments or ""))
    end
    asks("")
    command.says(db, "\n  reading orders: 0 of about 5, not begun\n", "status")
    assert(log:query("UPDATE forge_change_log_backfills SET rows = 120000, started_at = now()"))
    command.says(db, "\n  reading orders: 120,000 of about 120,000\n", "status")
    asks("^mailer reads orders no further for now\n$", "--pause")
    command.says(db, "\n  reading orders: 120,000 of about 120,000, paused\n", "status")
    local one = assert(dkjson.decode(command.says(db, "", "status --json"))).consumers[1]
    assert.same({ "orders", 120000, 5, true, false }, { one.backfills[1].table,
      one.backfills[1].rows, one.backfills[1].estimate, one.backfills[1].paused,
      one.backfills[1].whole })
    local shown = exposition.parse(command.says(db, "", "status --prometheus"))
    local labels = { consumer = "mailer", table = "orders" }
    assert.equal(120000, shown:value("forgelog_backfill_rows", labels))
    assert.equal(5, shown:value("forgelog_backfill_rows_estimate", labels))
    asks("^mailer goes on with orders\n$", "--resume")
    asks("^mailer reads orders no more\n$", "--cancel")
    assert.is_nil(command.says(db, "", "status"):find("reading"))
    assert(log:query("CREATE TABLE bare (n int)"))
    assert(log:watch("bare"))
    command.says(db, "^bare has no primary key: mailer is told once to read it whole\n$",
      "backfill mailer --table bare")
    command.says(db, "\n  reading bare whole: no primary key, not begun\n", "status")
  end)

  it("says what is wrong", function()
    command.fails(db, 1, "there is no consumer mailer here", "backfill mailer --table orders")
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position) "
      .. "VALUES ('mailer', '1:0')"))
    command.fails(db, 1, "is orders meant%?", "backfill mailer --table order")
    command.fails(db, 1, "the key of orders has the columns %(id%); x is none",
      "backfill mailer --table orders --from x")
    assert(log:query("CREATE TABLE other (id int PRIMARY KEY)"))
    command.fails(db, 1, "table other is not watched", "backfill mailer --table other")
    command.fails(db, 1, "consumer mailer is not reading orders",
      "backfill mailer --table orders --cancel")
    command.fails(db, 2, "", "backfill mailer --table orders --pause --resume")
    command.fails(db, 2, "", "backfill mailer")
    assert(log:query("DROP TABLE forge_change_log_backfills"))
    command.fails(db, 1, "run forgelog install", "backfill mailer --table orders")
  end)
end)
