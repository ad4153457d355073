-- A consumer that handles several changes at a time in a worker of nginx.
local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

local must = logs.must

local HTTP = [[
lua_shared_dict seen 1m;
init_worker_by_lua_block {
  ngx.timer.at(0, function()
    local consumer, seen = require "forgelog.consumer", ngx.shared.seen
    local one = consumer.new{ conninfo = "$db application_name=several", name = "one",
      position = consumer.table(), concurrency = 16, batch = 200, poll = 0.2,
      on_change = function(change, log)
        local busy = seen:incr("busy", 1, 0)
        if busy > (seen:get("most") or 0) then seen:set("most", busy) end
        if change.seq % 3 == 0 then ngx.sleep(math.random() * 0.01) end
        assert(log:query("INSERT INTO effect (seq, row) VALUES ($1, $2)", change.seq,
          change.row_id))
        seen:incr("busy", -1)
      end }
    local ok, err = pcall(one.run, one)
    ngx.log(ngx.ERR, "ENDED ", tostring(err))
  end)
}
server {
  listen unix:$socket;
  location /up { return 200; }
  location /most { content_by_lua_block { ngx.print(ngx.shared.seen:get("most")) } }
}]]

describe("a consumer with concurrency in nginx", function()
  local db, log, server
  setup(function()
    db, log = logs.installed()
    must(log, "CREATE TABLE effect (id bigserial, seq bigint, row int)")
    server = nginx.start({ http = HTTP, vars = { db = db } })
  end)
  teardown(function()
    server:stop()
    log:close()
    support.drop(db)
  end)

  local function saved()
    local rows = must(log, "SELECT position FROM forge_change_log_consumers WHERE name = 'one'")
    return rows[1] and rows[1].position
  end

  local function write(count)
    must(log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
      SELECT 'item', 'UPDATE', (random() * 40)::int::text, clock_timestamp()
        FROM generate_series(1, $1::int)]], count)
  end

  it("handles each change once, and those of a row in order", function()
    write(1500)
    support.wait_until(function() return (saved() or ""):match("^%d+:1500$") end, "the position")
    local found = must(log, [[SELECT count(*) AS n, count(DISTINCT seq) AS different,
        count(*) FILTER (WHERE seq < before) AS disorder
      FROM (SELECT seq, lag(seq) OVER (PARTITION BY row ORDER BY id) AS before FROM effect) e]])[1]
    local most = tonumber(server:get("/most"))
    support.note("1500 changes, handled %d, different %d, out of order %d, at once %d", found.n,
      found.different, found.disorder, most)
    assert.same({ n = 1500, different = 1500, disorder = 0 }, found)
    assert.is_true(most > 8 and most <= 16)
    assert.is_nil(server:log():match("%[error%].*"))
  end)

  it("lets the worker exit, and another one go on", function()
    server:signal("HUP")
    support.wait_until(function() return server:log():find("ENDED", 1, true) end, "the end", 5)
    write(100)
    support.wait_until(function() return (saved() or ""):match("^%d+:1600$") end, "the position")
    assert.equal(1600, must(log, "SELECT count(DISTINCT seq) AS n FROM effect")[1].n)
    support.wait_until(function() return #server:workers() == 1 end, "the old worker's end", 5)
  end)
end)
