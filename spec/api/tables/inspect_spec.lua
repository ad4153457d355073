-- watched: which tables are watched, how, and whether their triggers are as watch makes them.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("watched", function()
  local db, log
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    must(log, "CREATE TABLE t (id int PRIMARY KEY, n int)")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("knows how a table is watched", function()
    assert.same({}, (log:watched()))
    assert(log:watch("t", { ignore = { "n" }, notify = false }))
    local names, about = log:watched()
    assert.same({ "t" }, names)
    assert.same({ schema = "public", table = "t", ignore = { "n" }, keep = {}, notify = false,
      level = "statement", missing = {}, altered = {}, key = { "id" }, key_changed = false,
      healthy = true }, about.t)
    assert(log:watch("t"))
    assert.same({}, select(2, log:watched()).t.ignore)
    assert.is_true(select(2, log:watched()).t.notify)
  end)

  it("knows which triggers are gone, disabled, or altered", function()
    assert(log:watch("t"))
    must(log, [[ALTER TABLE t DISABLE TRIGGER forge_capture_delete;
      DROP TRIGGER forge_capture_insert ON t]])
    local about = select(2, log:watched()).t
    assert.same({ "insert", "delete" }, about.missing)
    assert.is_false(about.healthy)
    assert(log:watch("t"))
    must(log, [[DROP TRIGGER forge_capture_truncate ON t; CREATE TRIGGER forge_capture_truncate
      AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION forge_capture_truncate('notify')]])
    about = select(2, log:watched()).t
    assert.same({ "truncate" }, about.altered)
    assert.is_false(about.healthy)
  end)

  it("knows that the primary key is another one than when the table was watched", function()
    assert(log:watch("t"))
    must(log, "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (n, id)")
    local about = select(2, log:watched()).t
    assert.same({ "n", "id" }, about.key)
    assert.is_true(about.key_changed)
    assert.is_false(about.healthy)
  end)
end)
