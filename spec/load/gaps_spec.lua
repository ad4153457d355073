-- A gap is told where a change was deleted that was not delivered, and nowhere else: trims that
-- pass the seqs of open writers, and whatever becomes of those writers.
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must, connect = logs.must, logs.connect

-- How a writer ends: in one step, or in a second one after it was prepared.
local ENDS = {
  { "commits", true, "COMMIT" },
  { "rolls back", false, "ROLLBACK" },
  { "is prepared and commits", true, "PREPARE TRANSACTION 'open'", "COMMIT PREPARED 'open'" },
  { "is prepared and rolls back", false, "PREPARE TRANSACTION 'open'", "ROLLBACK PREPARED 'open'" },
}

describe("a gap", function()
  local db, log, writer, other
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    must(log, [[CREATE TABLE item (id serial PRIMARY KEY, n int);
      CREATE TABLE noise (id serial PRIMARY KEY, n int)]])
    for _, name in ipairs({ "item", "noise" }) do assert(log:watch(name, { notify = false })) end
    writer, other = connect(db), connect(db)
    must(other, "INSERT INTO item (n) VALUES (0)")
  end)
  after_each(function()
    logs.rollback_prepared(log)
    for _, each in ipairs({ writer, other, log }) do each:close() end
    support.drop(db)
  end)

  local function follow(since, tables)
    local own = connect(db)
    return own:follow(since, { poll = 0.01, tables = tables }), own
  end

  -- A writer with seq 2 open, and 3 to 12 written after it: two of item, then one of noise, and so
  -- on; 6 was rolled back.
  local function write()
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    for i = 3, 12 do
      must(other, i == 6 and "BEGIN; INSERT INTO item (n) VALUES (1); ROLLBACK"
        or ("INSERT INTO %s (n) VALUES (1)"):format(i % 3 == 2 and "noise" or "item"))
    end
  end
  local ITEMS = { 1, 3, 4, 7, 9, 10, 12 }
  local ALL = { 1, 3, 4, 5, 7, 8, 9, 10, 11, 12 }

  -- Deletes all that is there; how a trim does it matters to no reader.
  local function trim(batch)
    assert.is_true(assert(other:trim(logs.server_time(other) + 1,
      { min_rows = 0, batch = batch })) > 0)
  end

  local function gap(position)
    local reason = log:gap(position)
    return reason
  end

  for _, filter in ipairs({ false, true }) do
    local tables = filter and { "item" } or nil
    local what = filter and " beside tables that it does not want" or ""
    for _, ending in ipairs(ENDS) do
      it("is not told to a feed that had it all, when the writer " .. ending[1] .. what, function()
        local feed, own = follow(nil, tables)
        assert(feed:next(5))
        write()
        assert.same(filter and ITEMS or ALL,
          feeds.take_all(feed, { 1 }, 0.05))
        trim()
        local saved = feed:position()
        assert.is_false(gap(saved))
        assert.same({}, feeds.take_all(feed, {}, 0.05))
        must(writer, ending[3])
        assert.same(ending[4] and {} or ending[2] and { 2 } or {}, feeds.take_all(feed, {}, 0.05))
        if ending[4] then
          must(writer, ending[4])
          assert.same(ending[2] and { 2 } or {}, feeds.take_all(feed, {}, 0.05))
        end
        own:close()

        -- from the position that was saved before
        assert.is_false(gap(saved))
        feed, own = follow(saved, tables)
        assert.same(ending[2] and { 2 } or {}, feeds.take_all(feed, {}, 0.1))
        must(other, "INSERT INTO item (n) VALUES (2)")
        assert.equal(13, feed:next(5).seq)
        trim()
        must(other, "INSERT INTO item (n) VALUES (2)")
        assert.equal(14, feed:next(5).seq)
        assert.is_false(gap(feed:position()))
        assert.equal("trimmed", gap(saved)) -- it has not had 13
        own:close()
      end)
    end

    it("is told where the writer's change was deleted before it was read" .. what, function()
      local feed, own = follow(nil, tables)
      assert(feed:next(5))
      write()
      feeds.take_all(feed, {}, 0.05)
      trim()
      local saved = feed:position()
      must(writer, "COMMIT")
      trim()
      local _, err = feed:next(5)
      assert.equal("gap", err.kind)
      assert.equal("trimmed", err.reason)
      assert.equal("trimmed", gap(saved))
      own:close()
      feed, own = follow(saved, tables)
      assert.equal("gap", select(2, feed:next(5)).kind)
      own:close()
    end)

    it("is told where later changes were deleted before they were read" .. what, function()
      local feed, own = follow(nil, tables)
      assert(feed:next(5))
      write()
      feeds.take_all(feed, {}, 0.05)
      local saved = feed:position()
      own:close()
      must(other, "INSERT INTO item (n) VALUES (2)")
      assert.is_false(gap(saved))
      trim()
      assert.equal("trimmed", gap(saved))
      feed, own = follow(saved, tables)
      assert.equal("gap", select(2, feed:next(5)).kind)
      own:close()
      must(writer, "ROLLBACK")
      assert.equal("trimmed", gap(saved))
    end)
  end

  it("is neither in what was gone before a reader began", function()
    write()
    trim()
    must(other, "INSERT INTO item (n) VALUES (2)")
    local feed, own = follow()
    assert.equal(13, feed:next(5).seq)
    must(writer, "COMMIT")
    assert.equal(2, feed:next(5).seq)
    assert.same({ 2, 13 }, logs.drained(log))
    own:close()
  end)

  it("is not told by status of a consumer that had it all", function()
    local feed, own = follow()
    assert(feed:next(5))
    write()
    feeds.take_all(feed, {}, 0.05)
    must(log, "INSERT INTO forge_change_log_consumers VALUES ('c', $1)", feed:position())
    trim(2)
    assert.is_false(log:status({ settle = 0 }).consumers[1].gap)
    must(writer, "COMMIT")
    trim()
    assert.equal("trimmed", log:status({ settle = 0 }).consumers[1].gap)
    own:close()
  end)
end)

describe("a trim behind a feed under load", function()
  it("makes no gap, and the feed loses nothing", function()
    local db, log = logs.installed()
    -- what was ever committed, since the log is emptied meanwhile
    must(log, [[CREATE TABLE written (seq bigint PRIMARY KEY);
      GRANT INSERT ON written TO forgelog;
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.written VALUES (NEW.seq); RETURN NULL; END $$;
      CREATE TRIGGER note AFTER INSERT ON forge_change_log
        FOR EACH ROW EXECUTE FUNCTION note()]])
    local own, long, trimmer = connect(db), connect(db), connect(db)
    local feed = own:follow()
    local load = logs.writers(db, { clients = 4, transactions = support.scale(300) })
    local seen, delivered, twice, resumed, held = {}, 0, 0, 0, 0

    -- Takes a batch and deletes it behind the feed; now and then the feed goes on anew, or a writer
    -- that stays open begins or ends.
    local function round(seconds, i)
      local changes, err = feed:batch(100, seconds)
      if not changes then return assert(err.kind == "timeout", tostring(err)) and nil end
      local gone = {}
      for _, change in ipairs(changes) do
        if seen[change.seq] then twice = twice + 1 end
        seen[change.seq], gone[#gone + 1] = true, change.seq
      end
      delivered = delivered + #changes
      must(trimmer, ("DELETE FROM forge_change_log WHERE seq IN (%s)"):format(
        table.concat(gone, ",")))
      if i % 7 == 0 then
        local position = feed:position()
        assert.is_false(log:gap(position))
        own:close()
        own = connect(db)
        feed, resumed = own:follow(position), resumed + 1
      end
      if i % 11 == 0 then
        if held % 2 == 0 then
          must(long, "BEGIN; INSERT INTO item (n) VALUES (7)")
        else
          must(long, held % 4 == 1 and "COMMIT" or "ROLLBACK")
        end
        held = held + 1
      end
      return true
    end

    local i = 0
    repeat
      i = i + 1
      round(0.2, i)
    until i % 10 == 0 and not logs.under_way(log)
    load:wait()
    must(long, "COMMIT")
    local written = must(log, "SELECT count(*) AS n FROM written")[1].n
    support.wait_until(function()
      round(0.3, 1)
      return delivered >= written
    end, "the feed to have delivered all that was written")
    local state = must(log, [[SELECT trimmed_to, empty_to,
      (SELECT count(*) FROM unnest(deleted)) AS n FROM forge_change_log_state]])[1]
    support.note("%d changes, delivered %d, twice %d, %d times resumed, %d writers held open; "
      .. "%d ranges of what was deleted", written, delivered, twice, resumed, held, state.n)
    assert.is_true(written > 0 and resumed > 0 and held > 0)
    assert.equal(written, delivered)
    assert.equal(0, twice)
    assert.equal(0, logs.rows(log))
    assert.equal(state.trimmed_to, state.empty_to)
    for _, each in ipairs({ own, long, trimmer, log }) do each:close() end
    support.drop(db)
  end)
end)
