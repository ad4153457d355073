-- forgelog watch: it says of each table what was done, and one that fails keeps it from no other.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"

describe("forgelog watch", function()
  local db, log
  before_each(function()
    db = support.database()
    log = assert(forgelog.connect(db))
    assert(log:install())
    assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, note text);"
      .. "CREATE TABLE customers (id int)"))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("says what was done and what was there", function()
    assert.equal("watching orders\nwatching customers\n",
      command.says(db, "", "watch orders customers"))
    assert.equal("orders was watched so already\n", command.says(db, "", "watch orders"))
    assert.equal("watching orders\n",
      command.says(db, "", "watch orders --ignore note --ignore total --no-notify"))
    local names, about = log:watched()
    assert.same({ "customers", "orders" }, names)
    assert.same({ "note", "total" }, about.orders.ignore)
    assert.is_false(about.orders.notify)
  end)

  it("keeps values of columns", function()
    assert.equal("watching orders\n", command.says(db, "", "watch orders --keep note,total"))
    assert(log:query("INSERT INTO orders VALUES (1, 2.50, 'x'); DELETE FROM orders"))
    command.says(db, "INSERT    orders    1  %[note: x, total: 2.50%]\n", "drain")
    command.says(db, '"op":"DELETE".-"old":{"note":"x","total":"2.50"}}\n', "drain --format json")
    command.fails(db, 1, "has no column x", "watch orders --keep x")
  end)

  it("says which columns are no longer kept", function()
    local function notes(options)
      local status, _, errors = command.run(db, "watch orders " .. options)
      assert.equal(0, status)
      return errors
    end
    assert.equal("", notes("--keep note,total"))
    assert.equal("", notes("--keep total,note"))
    assert.matches("^forgelog: orders: no longer kept: note %(.*%)\n$", notes("--keep total"))
    assert.matches("^forgelog: orders: no longer kept: total %(.*%)\n$", notes(""))
    assert.equal("", notes(""))
  end)

  it("says that a partition is covered by the watched table above it", function()
    assert(log:query("CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY LIST (id);"
      .. "CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1)"))
    assert.equal("watching parts\n", command.says(db, "", "watch parts"))
    for _, what in ipairs({ "watch", "unwatch" }) do
      assert.equal("part_1 is covered by parts, which is watched\n",
        command.says(db, "", what .. " part_1"))
      command.says(db, '"covered_by":"parts"', what .. " part_1 --json")
    end
    for _, options in ipairs({ "--keep v", "--ignore v", "--no-notify", "--unlogged" }) do
      command.fails(db, 1, "watch: part_1 is covered by parts, which is watched; give options "
        .. "there\n$", "watch part_1 " .. options)
    end
  end)

  it("does what can be done, and fails for the rest", function()
    local status, output, errors = command.run(db, "watch orders nosuch customers")
    assert.equal(1, status)
    assert.equal("watching orders\nwatching customers\n", output)
    assert.matches("^forgelog: watch: there is no table nosuch here\n$", errors)
    command.fails(db, 1, "has no column x to ignore", "watch orders --ignore x")
  end)
end)
