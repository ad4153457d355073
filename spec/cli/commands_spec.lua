-- cli/commands.lua: what --json prints of each command is as it is described there, and errors are
-- JSON too.
local command = require "support.command"
local commands = require "forgelog.cli.commands"
local dkjson = require "dkjson"
local parking = require "forgelog.consumer.parking"
local support = require "support"

-- In the order in which they are run on one database; "" stands for no command.
local CASES = { "", "install", "watch orders customers nosuch", "watched", "touch orders", "drain",
  "drain --limit 2 --name search", "follow --limit 2", "trim --older-than 0 --min-rows 5",
  "trim --older-than 0 --min-rows 0 --keep-consumers --dry-run", "status", "status --check",
  "status --check --name nobody", "doctor", "position", "rewind search beginning", "pause search",
  "resume search", "lanes search", "lanes search 1", "parked search", "retry search",
  "skip search 1", "backfill search --table orders", "backfill search --table orders --pause",
  "unwatch customers", "forget search nobody", "" }

-- The entry of a command, and its name.
local function entry_of(arguments)
  local name = arguments:match("^%a+")
  if not name then return commands, "none" end
  for _, entry in ipairs(commands) do
    if entry[1] == name then return entry, name end
  end
end

-- Raises where an object has a field that is not described.
local function described(object, text, arguments)
  for key in pairs(object) do
    if type(key) == "string" and not text:find("%f[%w_]" .. key .. "%f[^%w_]") then
      error(("%s prints %s, which is not described: %s"):format(arguments, key, text), 0)
    end
  end
end

-- Each line as a value; of lists their elements.
local function objects(output, arguments)
  local list = {}
  for line in output:gmatch("[^\n]+") do
    local value = dkjson.decode(line)
    if type(value) ~= "table" then error(arguments .. " prints " .. line, 0) end
    local is_list = line:find("^%[") ~= nil
    for _, object in ipairs(is_list and value or { value }) do list[#list + 1] = object end
  end
  return list
end

describe("--json", function()
  local db, log
  before_each(function()
    db, log = command.database { orders = "id bigserial PRIMARY KEY, total int",
      customers = "id int PRIMARY KEY" }
    assert(log:query("INSERT INTO orders (total) SELECT g FROM generate_series(1, 10) g"))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function park()
    local change = { seq = 1, table_name = "orders", op = "INSERT", row_id = "1",
      created_at = 1764373736.5 }
    assert(parking.park(log.connection, "search", "1", change, "no", 3))
  end

  it("of each command is as it is described", function()
    local seen = {}
    for _, arguments in ipairs(CASES) do
      local entry, name = entry_of(arguments)
      if arguments:find("^parked") then park() end
      local _, output, errors = command.run(db, arguments .. " --json")
      local list = objects(output, arguments)
      if not list[1] then error(arguments .. " prints nothing: " .. errors, 0) end
      for _, object in ipairs(list) do described(object, entry.json, arguments) end
      for _, object in ipairs(objects(errors, arguments)) do
        described(object, commands.errors_as_json, arguments)
      end
      seen[name] = true
    end
    for _, entry in ipairs(commands) do
      assert.equal(entry.json ~= nil, seen[entry[1]] or false, entry[1])
    end
  end)

  it("has values of their own types", function()
    local function first(arguments)
      return objects(command.says(db, "", arguments), arguments)[1]
    end
    assert.equal(10, first("status --json").rows)
    assert.same({ table = "orders", changed = false }, first("--json watch orders"))
    local trimmed = first("trim --older-than 0 --min-rows 4 --json")
    assert.same({ 6, 1, 6, 0, 4, false, {} }, { trimmed.deleted, trimmed.first, trimmed.last,
      trimmed.older_than, trimmed.remaining, trimmed.busy, trimmed.left_behind })
    assert.same({ position = "1:10" }, first("position --json"))
    assert.equal("", command.says(db, "", "trim --older-than 0 --min-rows 4 --quiet --json"))
  end)

  it("of status --watch is a line for each look", function()
    local watching = command.start(db, "status --watch --interval 50ms --json")
    support.wait_until(function()
      return select(2, watching:output():gsub("\n", "")) >= 2
    end, "two looks")
    watching:kill("INT")
    local ok, output = watching:wait()
    assert.is_true(ok)
    for _, now in ipairs(objects(output, "status --watch")) do assert.equal(10, now.rows) end
  end)

  it("has errors and wrong usage as JSON, too", function()
    local function fails(arguments, status)
      local got, output, errors = command.run(db, arguments .. " --json")
      assert.same({ status, "" }, { got, output })
      local err = objects(errors, arguments)[1]
      described(err, commands.errors_as_json, arguments)
      return err
    end
    local err = fails("drain --tables ordrs", 1)
    assert.same({ "schema", "no_table", "42P01", false },
      { err.kind, err.code, err.sqlstate, err.retryable })
    assert.matches("is orders meant%?$", err.error)
    assert.matches("give another database by %-d", fails("position -d nosuch", 1).hint)
    assert.equal("usage", fails("drain --limit x", 2).kind)
    for _, name in ipairs({ "man", "completion bash", "status --prometheus",
      "drain --format tsv" }) do
      assert.matches("%-%-json", fails(name, 2).error)
    end
  end)
end)
