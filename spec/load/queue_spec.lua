-- Where others let the server's queue of notifications fill up, no commit fails for this log's.
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- A queue short enough to be filled is known to PostgreSQL 17 and later.
local later = tonumber((support.psql("SHOW server_version_num", support.conninfo()))) >= 170000

describe("a full queue of notifications", function()
  it("fails no commit, touch or feed", function()
    if not later then return end
    local server = support.server { "max_notify_queue_pages=64" }
    local db, log = logs.installed(server.conninfo)
    local listener, other = logs.connect(db), logs.connect(db)
    must(listener, "LISTEN others")
    must(listener, "BEGIN; SELECT 1")
    for _, size in ipairs { 7000, 100, 1 } do
      while other:query("SELECT pg_notify('others', repeat('x', $1::int))", size) do end
    end
    local feed = log:follow(assert(log:position()), { poll = 0.1 })
    for n = 1, 5 do
      feeds.lies_down(feed, "owned")
      must(other, "INSERT INTO item (n) VALUES ($1::int)", n)
      assert.equal("INSERT", assert(feed:next(5)).op)
      feeds.lies_down(feed, "owned")
      assert(other:touch("item"))
      assert.equal("RELOAD", assert(feed:next(5)).op)
    end
    feed:close()
    for _, each in ipairs { listener, other, log } do each:close() end
    server:stop()
  end)
end)
