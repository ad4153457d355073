-- The log's schema under another name: whoever writes goes on, whoever reads is told to read the
-- table again, and install puts it right.
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a log whose schema was renamed", function()
  local db, log, writer
  before_each(function()
    db = support.database()
    writer = logs.connect(db)
    must(writer, [[CREATE SCHEMA feed; CREATE SCHEMA "Od.d";
      CREATE TABLE feed.inner (id int PRIMARY KEY, n int);
      CREATE TABLE "Od.d".outer (id int PRIMARY KEY, n int);
      CREATE TABLE feed.part (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
      CREATE TABLE public.part_1 PARTITION OF feed.part FOR VALUES IN (1)]])
    local before = logs.connect(db, { schema = "feed" })
    assert(before:install())
    for _, name in ipairs({ "inner", '"Od.d".outer', "part" }) do assert(before:watch(name)) end
    before:close()
    log = logs.connect(db, { schema = "feed2" })
  end)
  after_each(function()
    log:close()
    writer:close()
    support.drop(db)
  end)

  -- What is written in each table, with `feed` for the schema, and what the log has of it.
  local function write(id, feed)
    local rows = writer:query("SELECT max(seq) AS seq FROM " .. feed .. ".forge_change_log")
    must(writer, ((([[INSERT INTO @.inner VALUES (#, 1); UPDATE @.inner SET n = 2 WHERE id = #;
      INSERT INTO "Od.d".outer VALUES (#, 1); INSERT INTO part_1 VALUES (#, 1);
      TRUNCATE part_1; DELETE FROM @.inner WHERE id = #]]):gsub("@", feed):gsub("#", id))))
    local list = {}
    for _, row in ipairs(must(writer, ("SELECT concat_ws(' ', table_name, op, row_id) AS text"
      .. " FROM %s.forge_change_log WHERE seq > $1 ORDER BY seq"):format(feed),
      rows[1].seq or 0)) do
      list[#list + 1] = row.text
    end
    return table.concat(list, "; ")
  end

  local function changes(id)
    return (('inner INSERT #; inner UPDATE #; "Od.d".outer INSERT #; part INSERT ["#", "1"]; '
      .. "part TRUNCATE; inner DELETE #"):gsub("#", id))
  end

  it("is written to all the same, and put right by install", function()
    assert.equal(changes(1), write(1, "feed"))
    must(writer, "ALTER SCHEMA feed RENAME TO feed2")
    local reload = 'inner RELOAD; inner RELOAD; "Od.d".outer RELOAD; part RELOAD; part RELOAD; '
      .. "inner RELOAD"
    assert.equal(reload, write(2, "feed2"))
    local newcomer = writer -- a session that has compiled nothing under the old name
    writer = logs.connect(db)
    newcomer:close()
    assert.equal(reload, write(3, "feed2"))
    findings.finds(log, "install", "warning", "functions")
    assert.same({ true, true }, { log:install() })
    assert.equal(changes(4), write(4, "feed2"))
    findings.fine(log, "install")
    assert.same({ true, false }, { log:install() })
  end)
end)
