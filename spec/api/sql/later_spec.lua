-- What only later versions of PostgreSQL know: virtual generated columns and keys WITHOUT OVERLAPS.
local captured = require "support.captured"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("capture", function()
  local log, seen
  captured.in_all(function(...) log, seen = ... end)

  local is_18 = tonumber((support.psql("SHOW server_version_num", support.conninfo()))) >= 180000

  it("serves virtual generated columns", function()
    if not is_18 then return end
    for _, child in ipairs({ "", "; CREATE TABLE child () INHERITS (virtual)" }) do
      seen:watch([[CREATE TABLE virtual (id int PRIMARY KEY, n int,
        twice int GENERATED ALWAYS AS (n * 2) VIRTUAL, j json,
        more text GENERATED ALWAYS AS (n || 'x') VIRTUAL)]] .. child, "virtual", { keep = { "n" } })
      local lines = { "INSERT virtual 1 - >1", "UPDATE virtual 1 n 1>2", "UPDATE virtual 1 j 2>2",
        "DELETE virtual 1 - 2>", "INSERT virtual 2 - >2", "DELETE virtual 2 - 2>" }
      local write = [[INSERT INTO virtual (id, n) VALUES (1, 1); UPDATE virtual SET n = 2;
        UPDATE virtual SET j = '1'; UPDATE virtual SET id = 2; DELETE FROM virtual]]
      assert.equal(table.concat(lines, "; "), seen:of(log, write))
      must(log, "ALTER TABLE virtual ADD late point")
      assert.equal(table.concat(lines, "; "), seen:of(log, write))
      for what, said in pairs({ ignore = "there is nothing to ignore",
        keep = "watch: no trigger knows what twice of virtual is, a virtual generated column; "
          .. "there is nothing to keep" }) do
        local ok, err = log:watch("virtual", { [what] = { "twice" } })
        assert.is_nil(ok)
        assert.equal("no_column", err.code)
        assert.is_truthy(err.message:find(said, 1, true), err.message)
      end
      must(log, "DROP TABLE virtual CASCADE")
      log:unwatch("virtual")
    end
  end)

  it("serves keys without overlaps", function()
    if not is_18 then return end
    must(log, "CREATE EXTENSION btree_gist")
    seen:watch([[CREATE TABLE spans (id int, during daterange, n int,
      PRIMARY KEY (id, during WITHOUT OVERLAPS))]], "spans")
    local id = '["1", "[2001-01-01,2001-02-01)"]'
    local write = [[INSERT INTO spans VALUES (1, '[2001-01-01,2001-02-01)'); UPDATE spans SET n = 1;
      DELETE FROM spans]]
    local lines = ("INSERT spans %s -; UPDATE spans %s n; DELETE spans %s -"):format(id, id, id)
    assert.equal(lines, seen:of(log, write))
    must(log, "ALTER TABLE spans ADD late point")
    assert.equal(lines, seen:of(log, write))
  end)
end)
