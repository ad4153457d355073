-- What a change has, in logs that have all columns, some of them, or others of their own.
local logs = require "support.logs"
local support = require "support"

local must = logs.must
local type_of_number = rawget(math, "type") -- a Lua with integers has it

local FIRST_EDITION = [[CREATE TABLE forge_change_log (seq bigserial PRIMARY KEY,
  table_name text NOT NULL, op text NOT NULL, row_id text, changed_cols text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp())]]
local SECOND_EDITION = [[ALTER TABLE forge_change_log ADD COLUMN txid bigint,
  ADD COLUMN context text, ADD COLUMN old_values text[], ADD COLUMN new_values text[],
  ADD COLUMN kept_cols text, ADD COLUMN key_cols smallint]]

-- The fields of a change beside those that each has.
local function rest(change)
  for _, name in ipairs({ "seq", "table_name", "op", "created_at" }) do change[name] = nil end
  return change
end

local function last(log)
  local found
  for change in log:drain() do found = change end
  return found
end

describe("a change", function()
  local db, log

  before_each(function() db, log = logs.installed() end)
  after_each(function() log:close(); support.drop(db) end)

  -- Writes one to the log and reads it.
  local function written(columns, values)
    must(log, ("INSERT INTO forge_change_log (table_name, op, %s) VALUES ('t', 'UPDATE', %s)")
      :format(columns, values))
    return rest(last(log))
  end

  it("has no field for what is NULL", function()
    assert.same({}, written("row_id", "NULL"))
  end)

  it("has the transaction and its context, exactly", function()
    assert.same({ txid = 7, context = "user 7" }, written("txid, context", "7, 'user 7'"))
    assert.same({ context = "" }, written("context", "''"))
    local above = written("txid", "9007199254740993").txid
    assert.equal("9007199254740993", tostring(above))
    assert.equal(type_of_number and "integer" or nil,
      type_of_number and type_of_number(above))
  end)

  it("has the number of columns of its key where they are several", function()
    assert.same({ row_id = '["1", "2"]', key_cols = 2 }, written("row_id, key_cols",
      [['["1", "2"]', 2]]))
  end)

  it("has the values that were kept, by the names of their columns", function()
    assert.same({ old = { name = "ann" }, new = { name = "bob", mail = "" } },
      written("kept_cols, old_values, new_values",
        "'name,mail', ARRAY['ann', NULL], ARRAY['bob', '']"))
    assert.same({ old = { name = "cleo", mail = "ä" } },
      written("kept_cols, old_values", "'name,mail', ARRAY['cleo', 'ä']"))
    assert.same({ new = {} }, written("kept_cols, new_values", "'name', ARRAY[NULL]::text[]"))
    assert.same({ new = {} }, written("kept_cols, new_values", "'name', '{}'"))
  end)

  it("says which values were too long to be kept", function()
    assert.same({ new = { name = "ann" }, omitted = { "photo", "cv" } },
      written("kept_cols, new_values", "'name,photo,cv,,photo,cv', ARRAY['ann', NULL, NULL]"))
  end)

  it("has kept values under any name that a column can have", function()
    assert.same({ old = { ["a,b"] = "1", ['say "x"'] = "2", ['"'] = "3", [" c "] = "4" } },
      written("kept_cols, old_values", [['"a,b","say ""x""",""""'
        || ', c ', ARRAY['1', '2', '3', '4']
      ]]))
    assert.same({ omitted = { "a,b" }, old = {} },
      written("kept_cols, old_values", [['"a,b",,"a,b"', ARRAY[NULL]::text[] ]]))
  end)

  it("keeps apart what follows each other with other names, or with none", function()
    must(log, [[INSERT INTO forge_change_log (table_name, op, kept_cols, old_values) VALUES
      ('t', 'DELETE', 'a', '{1}'), ('u', 'DELETE', 'b,c', '{2,3}'), ('v', 'DELETE', NULL, '{4}'),
      ('t', 'DELETE', 'a', '{5}'), ('w', 'DELETE', NULL, NULL),
      ('t', 'DELETE', 'a,,a', '{NULL}')]])
    local list = {}
    for change in log:drain() do
      list[#list + 1] = { old = change.old, omitted = change.omitted }
    end
    assert.same({ { old = { a = "1" } }, { old = { b = "2", c = "3" } }, {},
      { old = { a = "5" } }, {}, { old = {}, omitted = { "a" } } }, list)
    list = {}
    for change in log:drain() do list[#list + 1] = change.old end
    list[1].a = "changed by a program"
    assert.equal("5", list[3].a)
  end)

  it("stands arrays of any shape, and takes no values out of what is no list", function()
    assert.same({ old = { a = "x", b = "y" } },
      written("kept_cols, old_values", "'a,b', '[-3:-2]={x,y}'"))
    assert.same({}, written("kept_cols, old_values", "'a,b', '{{x,y}}'"))
    assert.same({ old = { a = "x" } }, written("kept_cols, old_values", "'a', '{x,y}'"))
    assert.same({ old = { a = "x" } }, written("kept_cols, old_values", "'a,b', '{x}'"))
  end)

  it("is drained by the thousand with what it keeps", function()
    local count = support.scale(20000)
    must(log, [[INSERT INTO forge_change_log (table_name, op, txid, kept_cols, old_values)
      SELECT 't', 'DELETE', g, 'a,b', ARRAY[g::text, repeat('x', g % 100)]
        FROM generate_series(1, $1::int) g]], count)
    local seen = 0
    for change in log:drain() do
      seen = seen + 1
      if change.old.a ~= tostring(change.txid) or #change.old.b ~= change.txid % 100 then
        error("change " .. change.seq .. " has others' values")
      end
    end
    assert.equal(count, seen)
  end)
end)

describe("a log without all columns", function()
  local db, log, reader, drop

  before_each(function() db, log = logs.empty() end)
  after_each(function()
    if reader then reader:close() end
    if drop then drop() end
    log:close()
    support.drop(db)
    reader, drop = nil, nil
  end)

  -- A log of a role that may only read it.
  local function as_reader(table_definition, grant)
    must(log, table_definition)
    local role
    role, drop = logs.role(log, grant or "GRANT SELECT ON forge_change_log TO %s")
    reader = logs.as(db, role)
    return reader
  end

  it("is read as it is: of the first edition", function()
    as_reader(FIRST_EDITION)
    must(log, [[INSERT INTO forge_change_log (table_name, op, row_id, changed_cols)
      VALUES ('t', 'UPDATE', '1', 'n')]])
    for _, finding in ipairs(reader:diagnose()) do
      assert.not_equal("error", finding.severity, finding.message)
    end
    assert.same({ row_id = "1", changed_cols = "n" }, rest(last(reader)))
  end)

  it("is read as it is: with what a log must have", function()
    as_reader("CREATE TABLE forge_change_log (seq bigserial PRIMARY KEY, table_name text, op text)")
    must(log, "INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'DELETE')")
    assert.same({ seq = 1, table_name = "t", op = "DELETE" }, last(reader))
    local feed = reader:follow(0, { listen = false })
    assert.same({ seq = 1, table_name = "t", op = "DELETE" }, feed:next(10))
    feed:close()
    assert.equal(1, (assert(reader:horizon())))
    assert.equal(1, reader:max_seq())
    assert.is_false(reader:gap(0))
  end)

  it("is read as it is: with other columns of these names", function()
    as_reader(FIRST_EDITION .. [[; ALTER TABLE forge_change_log ADD COLUMN txid xid8,
      ADD COLUMN context jsonb, ADD COLUMN old_values jsonb, ADD COLUMN key_cols text]])
    must(log, [[INSERT INTO forge_change_log (table_name, op, txid, context, old_values, key_cols)
      VALUES ('t', 'DELETE', '7', '{}', '{}', 'id')]])
    assert.same({}, rest(last(reader)))
  end)

  it("is read as far as this role may, where the later columns are hidden", function()
    as_reader(FIRST_EDITION .. ";" .. SECOND_EDITION, [[GRANT SELECT (seq, table_name, op, row_id,
      changed_cols, created_at, txid) ON forge_change_log TO %s]])
    must(log, [[INSERT INTO forge_change_log (table_name, op, txid, context)
      VALUES ('t', 'DELETE', 8, 'a secret')]])
    assert.same({ txid = 8 }, rest(last(reader)))
    must(log, ("REVOKE SELECT (row_id) ON forge_change_log FROM %s")
      :format(must(reader, "SELECT current_user AS name")[1].name))
    assert.equal("42501", logs.drain_error(reader).sqlstate)
  end)

  it("may get them while it is read: an open feed goes on, a new one sees them", function()
    as_reader(FIRST_EDITION)
    local feed = reader:follow(0, { listen = false, poll = 0.01 })
    local function write(columns, values)
      must(log, ("INSERT INTO forge_change_log (table_name, op, %s) VALUES ('t', 'DELETE', %s)")
        :format(columns, values))
    end
    write("row_id", "'1'")
    assert.same({ row_id = "1" }, rest(feed:next(10)))
    local next_change = reader:drain()
    assert.equal("1", next_change().row_id)
    must(log, SECOND_EDITION)
    write("row_id, txid, context", "'2', 9, 'mine'")
    assert.same({ row_id = "2" }, rest(feed:next(10)))
    assert.is_nil(next_change())
    assert.same({ row_id = "2", txid = 9, context = "mine" }, rest(last(reader)))
    write("row_id, txid", "'3', 10")
    assert.same({ row_id = "3", txid = 10 }, rest(feed:next(10)))
    feed:close()
  end)

  it("may get them while its feed reconnects", function()
    as_reader(FIRST_EDITION)
    local feed = reader:follow(0, { listen = false, poll = 0.01, backoff = 0.01 })
    must(log, "INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'DELETE')")
    assert.same({}, rest(feed:next(10)))
    must(log, SECOND_EDITION)
    must(log, "SELECT pg_terminate_backend($1::int)", reader.connection:fact("backend"))
    must(log, "INSERT INTO forge_change_log (table_name, op, txid) VALUES ('t', 'DELETE', 11)")
    assert.same({ txid = 11 }, rest(feed:next(10)))
    assert.equal(1, feed:stats().reconnects)
    feed:close()
  end)
end)
