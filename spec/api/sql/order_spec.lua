-- The last change of a key says whether its row is there, in whatever order a statement, its
-- cascades and the table's own triggers came to it; where a trigger of the user's writes to the
-- same table first, looking the row up tells.
local captured = require "support.captured"
local logs = require "support.logs"

local must = logs.must

describe("the order of changes", function()
  local log, seen
  captured.in_all(function(...) log, seen = ... end)
  before_each(function() seen:list() end)

  -- Follows the log from `since`, as a copy does: whatever op says, the row is looked up. Returns
  -- the keys that a copy then has, and those that the last op alone would leave.
  local function copied(name, since, before)
    local copy, by_op = {}, {}
    for _, key in ipairs(before or {}) do copy[key], by_op[key] = true, true end
    for change in log:drain(since, { tables = { name } }) do
      by_op[change.row_id] = change.op ~= "DELETE" or nil
      local row = must(log, ("SELECT 1 AS there FROM %s WHERE id = $1"):format(name), change.row_id)
      copy[change.row_id] = row[1] and true
    end
    local function keys(set)
      local list = {}
      for key in pairs(set) do list[#list + 1] = key end
      table.sort(list)
      return table.concat(list, " ")
    end
    return keys(copy), keys(by_op)
  end

  local function there(name)
    local text = "SELECT string_agg(id::text, ' ' ORDER BY id::text) AS ids FROM %s"
    return must(log, text:format(name))[1].ids or ""
  end

  -- The keys of which the last word since the last call is that they are there.
  local function last_words()
    local last, list = {}, {}
    for _, line in ipairs(seen:list()) do
      local op, key = line:match('^(%u+) %S+ (%[.-%])')
      last[key] = op
    end
    for key, op in pairs(last) do
      if op ~= "DELETE" then list[#list + 1] = key end
    end
    return table.concat(list, " ")
  end

  it("is right where a key is moved twice by two cascades", function()
    for i, way in ipairs({ "", "; CREATE TABLE link2_child () INHERITS (link2)" }) do
      local child = "link" .. i
      must(log, (([[DROP TABLE IF EXISTS one, two CASCADE;
        CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY);
        CREATE TABLE %s (a int REFERENCES one ON UPDATE CASCADE ON DELETE CASCADE,
          b int REFERENCES two ON UPDATE CASCADE ON DELETE CASCADE, PRIMARY KEY (a, b))]])
        :gsub("%%s", child)) .. way)
      assert(log:watch(child))
      must(log, ("INSERT INTO one VALUES (1), (9); INSERT INTO two VALUES (1), (9); "
        .. "INSERT INTO %s VALUES (1, 1), (9, 9)"):format(child))
      seen:list()
      must(log, [[WITH moved AS (UPDATE one SET id = 2 WHERE id = 1)
        UPDATE two SET id = 2 WHERE id = 1]])
      assert.equal('["2", "2"]', last_words())
      -- Moved on, and then gone.
      must(log, [[WITH moved AS (UPDATE one SET id = 3 WHERE id = 2)
        UPDATE two SET id = 3 WHERE id = 2; DELETE FROM one WHERE id = 3]])
      assert.equal("", last_words())
      must(log, "DROP TABLE " .. child .. " CASCADE")
    end
  end)

  -- A row's kept values after all that was written since the last call, as a copy has them that
  -- takes them as they come.
  local function kept_values()
    local copy = {}
    for _, line in ipairs(seen:list()) do
      local op, key, is_now = line:match("^(%u+) %S+ (%S+) %S+ .->(.*)$")
      copy[key] = op ~= "DELETE" and is_now or nil
    end
    local list = {}
    for key, is_now in pairs(copy) do list[#list + 1] = key .. ": " .. is_now end
    table.sort(list)
    return table.concat(list, "; ")
  end

  it("is right where one cascade moves a key and another changes the row", function()
    local KEYS = { a = "a int PRIMARY KEY REFERENCES base ON UPDATE CASCADE",
      c = "c int REFERENCES base (x) ON UPDATE CASCADE" }
    for _, first in ipairs({ "a", "c" }) do
      must(log, ([[CREATE TABLE base (id int PRIMARY KEY, x int UNIQUE);
        CREATE TABLE link (%s, %s);
        INSERT INTO base SELECT i, 100 + i FROM generate_series(1, 4) i]]):format(KEYS[first],
        KEYS[first == "a" and "c" or "a"]))
      assert(log:watch("link", { keep = { "c" } }))
      must(log, "INSERT INTO link (a, c) SELECT i, 100 + i FROM generate_series(1, 4) i")
      assert.equal("1: 101; 2: 102; 3: 103; 4: 104", kept_values())
      for _, isolation in ipairs({ "READ COMMITTED", "REPEATABLE READ" }) do
        local shift = isolation == "READ COMMITTED" and 10 or 20
        -- One row alone, and then some together: only the other column changes, only the key
        -- moves, or both.
        must(log, (([[BEGIN ISOLATION LEVEL @isolation;
          UPDATE base SET id = id + @shift, x = x + 100 WHERE id % 10 = 1;
          UPDATE base SET id = CASE WHEN id % 10 = 2 THEN id ELSE id + @shift END,
            x = CASE WHEN id % 10 = 3 THEN x ELSE x + 100 END WHERE id % 10 > 1;
          COMMIT]]):gsub("@(%w+)", { isolation = isolation, shift = shift })))
        local expected = must(log, [[SELECT string_agg(a || ': ' || c, '; ' ORDER BY a::text) AS all
          FROM link]])[1].all
        assert.equal(expected, kept_values(), first .. " first, " .. isolation)
      end
      must(log, "DROP TABLE link, base")
    end
  end)

  it("is right where keys change places", function()
    for _, key in ipairs({ "PRIMARY KEY", "PRIMARY KEY DEFERRABLE" }) do
      must(log, ("CREATE TABLE places (id int %s, n int)"):format(key))
      assert(log:watch("places"))
      must(log, "INSERT INTO places SELECT i, i FROM generate_series(1, 5) i")
      local since = log:max_seq()
      if key:find("DEFERRABLE") then
        must(log, "UPDATE places SET id = 6 - id")
        must(log, "UPDATE places SET id = id + 1; UPDATE places SET id = id - 2 WHERE id < 5")
      else
        must(log, [[UPDATE places SET id = id + 10; UPDATE places SET id = id - 9;
          DELETE FROM places WHERE id = 4]])
      end
      local copy, by_op = copied("places", since, { "1", "2", "3", "4", "5" })
      assert.equal(there("places"), copy)
      assert.equal(there("places"), by_op)
      must(log, "DROP TABLE places")
    end
  end)

  it("is told by the row where one cascade deletes and another changes, and by a row trigger",
    function()
      must(log, "CREATE TABLE above (id int PRIMARY KEY)")
      for _, by_hand in ipairs({ false, true }) do
        must(log, [[CREATE TABLE ties (id int PRIMARY KEY,
          a int REFERENCES above ON DELETE CASCADE, c int REFERENCES above ON DELETE SET NULL)]])
        if by_hand then
          must(log, [[CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON ties
            FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
        else
          assert(log:watch("ties"))
        end
        local since = log:max_seq()
        must(log, [[INSERT INTO above VALUES (1), (2);
          INSERT INTO ties VALUES (10, 2, 1), (11, NULL, 2); DELETE FROM above]])
        local copy, by_op = copied("ties", since)
        assert.equal("11", there("ties"))
        assert.equal("11", copy)
        assert.equal(by_hand and "11" or "10 11", by_op)
        must(log, "DROP TABLE ties")
      end
      must(log, "DROP TABLE above")
    end)

  it("is right with BEFORE triggers and rules of the user's", function()
    must(log, [[CREATE TABLE guarded (id int PRIMARY KEY, n int);
      CREATE FUNCTION guards() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN IF OLD.id = 1 THEN RETURN NULL; END IF; RETURN OLD; END IF;
        NEW.n := coalesce(NEW.n, 0) + 1; IF NEW.n > 5 THEN NEW.id := 50; END IF; RETURN NEW;
      END $$;
      CREATE TRIGGER b BEFORE INSERT OR UPDATE OR DELETE ON guarded FOR EACH ROW
        EXECUTE FUNCTION guards();
      CREATE RULE softly AS ON DELETE TO guarded WHERE old.id = 2
        DO INSTEAD UPDATE guarded SET n = -1 WHERE id = 2]])
    assert(log:watch("guarded"))
    assert.equal("INSERT guarded 1 -; INSERT guarded 2 -; INSERT guarded 3 -; UPDATE guarded 1 n; "
      .. "UPDATE guarded 2 n; DELETE guarded 3 -; DELETE guarded 1 -; INSERT guarded 50 -",
      seen:of(log, [[INSERT INTO guarded VALUES (1), (2), (3);
        UPDATE guarded SET n = 3 WHERE id = 1;
        DELETE FROM guarded; UPDATE guarded SET n = 7 WHERE id = 1]]))
  end)

  it("is told by the row where an AFTER trigger writes to the same table", function()
    for i, way in ipairs({ "", " PARTITION BY RANGE (id)" }) do
      local name = "busy" .. i
      must(log, (([[CREATE TABLE %s (id int PRIMARY KEY, n int)]] .. way .. ";"
        .. (i == 2 and "CREATE TABLE %s_1 PARTITION OF %s DEFAULT;" or "")
        .. [[CREATE FUNCTION writes_%s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'DELETE' AND OLD.n = 1 THEN INSERT INTO %s VALUES (OLD.id, 2);
          ELSIF TG_OP = 'INSERT' AND NEW.n = 5 THEN DELETE FROM %s WHERE id = NEW.id;
          ELSIF TG_OP = 'UPDATE' AND NEW.n = 6 THEN
            UPDATE %s SET id = NEW.id + 100, n = 7 WHERE id = NEW.id;
          END IF; RETURN NULL; END $$;
        CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
          EXECUTE FUNCTION writes_%s()]]):gsub("%%s", name)))
      assert(log:watch(name))
      local since = log:max_seq()
      must(log, (([[INSERT INTO %s VALUES (1, 1), (2, 1), (3, 3), (4, 5), (5, 1); DELETE FROM %s
        WHERE id < 3; UPDATE %s SET n = 6 WHERE id IN (3, 5)]]):gsub("%%s", name)))
      local copy = copied(name, since)
      assert.equal("1 103 105 2", there(name))
      assert.equal("1 103 105 2", copy)
      local notes = {}
      for _, finding in ipairs(assert(log:diagnose())) do
        if finding.code == "own_writers" and finding.message:find(name, 1, true) then
          notes[#notes + 1] = finding.severity
        end
      end
      assert.same({ "note" }, notes)
    end
  end)
end)
