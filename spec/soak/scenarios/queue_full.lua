-- A session LISTENs and sits in a transaction, so that the server's queue of notifications fills
-- up. Commits must not fail for what forgelog does. It takes a server that can have a short queue.
local logs = require "support.logs"
local situation = require "soak.situation"
local support = require "support"

return {
  title = "queue of notifications full",
  share = 0.2,
  run = function(run)
    local found, bin, why = support.run(os.getenv("FORGELOG_ROOT")
      .. "/spec/support/postgres-of 17")
    if not found then return nil, why:match("[^\n]*") end
    local at = situation.begin(run, { rate = 300, settings = { "max_notify_queue_pages=64" },
      environment = "FORGELOG_PGBIN=" .. bin:match("%S+") })
    at:witness("file", { once = true })
    at:witness("feed", { once = true })
    local listener, other = logs.connect(at.db), logs.connect(at.db)
    logs.must(listener, "LISTEN others")
    logs.must(listener, "BEGIN; SELECT 1")
    local function fill() return other:query("SELECT pg_notify('others', repeat('x', 7000))") end
    while fill() do end -- the last ones by less and less, until nothing more has room
    local function full()
      return other:query("SELECT pg_notify('others', 'x')") == nil
    end
    while not full() do end
    local failed, done = 0, 0
    for _ = 1, math.min(run.commits, 2000) do
      local rows, err = other:query("INSERT INTO item SELECT nextval('item_id'), 1")
      if rows then done = done + 1 else failed, why = failed + 1, tostring(err) end
      if done % 10 == 0 then logs.pause(0.01) end -- those who read go to sleep
    end
    logs.must(listener, "COMMIT")
    local rows = at:finish(("%d commits beside the full queue, %d failed"):format(done, failed))
    if failed > 0 then rows[1].failed = ("%d commits failed: %s"):format(failed, why) end
    listener:close()
    other:close()
    return rows
  end,
}
