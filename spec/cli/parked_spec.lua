-- forgelog parked, retry and skip: parked changes as text, JSON and TSV, tried again, taken away.
local command = require "support.command"
local dkjson = require "dkjson"
local parking = require "forgelog.consumer.parking"
local support = require "support"

describe("forgelog", function()
  local db, log
  before_each(function() db, log = command.database() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function park(seq, row_id, err)
    local change = { seq = seq, table_name = "public.orders", op = seq and "UPDATE" or "READ",
      row_id = row_id, created_at = 1764373736.123456, old = { note = "a" }, new = {} }
    assert(parking.park(log.connection, "mailer", row_id, change, err, err and 3))
  end

  local function four()
    park(11, "7", "no\nsuch\taddress")
    park(12, "7")
    park(9007199254740992, "8", "\27[31mred")
    park(nil, "9", "late")
    return assert(log:query("SELECT max(id) AS id FROM forge_change_log_parked"))[1].id
  end

  it("parked lists them", function()
    local id = four()
    local time = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d"
    local lines = {}
    for line in command.says(db, "", "parked mailer"):gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    assert.equal(5, #lines)
    assert.matches("^ +seq +parked +op +table +row +attempts +error$", lines[1])
    assert.matches("^ +11  " .. time .. "  UPDATE +public.orders +7 +3  no; such\\x09address$",
      lines[2])
    assert.matches("^ +12 .* 7 +0  waits for the one before it$", lines[3])
    assert.matches("^9007199254740992 .*\\x1b%[31mred$", lines[4])
    assert.matches("^ +r" .. id .. " .* READ +public.orders +9 ", lines[5])
    command.says(db, "", "retry mailer r" .. id)
    command.says(db, " is tried again; late\n$", "parked mailer")
  end)

  it("parked lists them for programs", function()
    local id = four()
    local list = {}
    for line in command.says(db, "", "parked mailer --format json"):gmatch("[^\n]+") do
      list[#list + 1] = assert(dkjson.decode(line))
    end
    assert.equal(4, #list)
    local first = list[1]
    assert.same({ 11, "public.orders", "UPDATE", "7", 3, false, false, "no\nsuch\taddress", "a" },
      { first.seq, first.table_name, first.op, first.row_id, first.attempts, first.waits,
        first.retry, first.error, first.old.note })
    assert.same({ true, nil, -id, "READ" }, { list[2].waits, list[2].error, list[4].seq,
      list[4].op })
    local time = "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ"
    command.says(db, "^11\tpublic.orders\tUPDATE\t7\t3\t" .. time .. "\tno\\nsuch\\taddress\tf\n"
      .. "12\tpublic.orders\tUPDATE\t7\t0\t" .. time .. "\t\\N\tt\n"
      .. "9007199254740992\t[^\n]+\nr" .. id .. "\t[^\n]+\n$", "parked mailer --format tsv")
  end)

  it("parked lists more of them than it asks for at once", function()
    assert(log:query([[INSERT INTO forge_change_log_parked (consumer, seq, key, table_name, op)
      SELECT 'mailer', g, g, 'orders', 'UPDATE' FROM generate_series(1, 2500) g]]))
    local count = 0
    for line in command.says(db, "", "parked mailer --format tsv"):gmatch("[^\n]+") do
      count = count + 1
      assert.equal(count, tonumber(line:match("^%d+")))
    end
    assert.equal(2500, count)
  end)

  it("retry has them tried again, one or all", function()
    local id = four()
    command.says(db, "^2 changes to be tried again by mailer\n$", "retry mailer 12")
    command.says(db, "^1 change to be tried again by mailer\n$", "retry mailer r" .. id)
    command.says(db, "^1 change to be tried again by mailer\n$", "retry mailer -- -" .. id)
    command.says(db, "^4 changes to be tried again by mailer\n$", "retry mailer")
    command.fails(db, 1, "consumer mailer has no parked change 13", "retry mailer 13")
    for _, words in ipairs { "retry", "parked" } do
      command.fails(db, 1, "there is no consumer nobody here", words .. " nobody")
    end
    command.fails(db, 1, "consumer mailer has no parked change r4711\n$", "retry mailer r4711")
    command.fails(db, 2, "'soon' is no seq such as 4711 or r17", "retry mailer soon")
  end)

  it("skip takes one away, and prints all of it", function()
    local id = four()
    local skipped = dkjson.decode((command.says(db, "^{[^\n]+}\n$", "skip mailer 11")))
    assert.same({ 11, "7", "a" }, { skipped.seq, skipped.row_id, skipped.old.note })
    command.says(db, '"op":"READ"', "skip mailer r" .. id)
    command.fails(db, 1, "consumer mailer has no parked change 11", "skip mailer 11")
    command.fails(db, 2, "'%-3': a change without a seq is given as parked prints it, such as "
      .. "r17; ", "skip mailer -3")
    command.fails(db, 2, "missing argument 'seq'", "skip mailer")
    command.says(db, "^12\t[^\n]+\n9007199254740992\t[^\n]+\n$", "parked mailer --format tsv")
  end)

  it("says where nothing is parked, or where the log is of earlier", function()
    for _, words in ipairs({ "parked mailer", "retry mailer" }) do
      assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES "
        .. "('mailer', '1:0') ON CONFLICT DO NOTHING"))
      local status, output, errors = command.run(db, words)
      assert.same({ 0, "", "forgelog: mailer has no parked changes\n" }, { status, output, errors })
    end
    assert(log:query("DROP TABLE forge_change_log_parked"))
    for _, words in ipairs({ "parked mailer", "retry mailer", "skip mailer 1" }) do
      command.fails(db, 1, "need the table forge_change_log_parked; run forgelog install first",
        words)
    end
  end)
end)
