-- Eight clients that write single rows, and transactions of ten statements, while nobody listens:
-- without a trigger, with the framework's row trigger, with the first edition's capture, watched.
-- Beside the rate stands the processor time that the server spent on each transaction, which other
-- programs on the machine hardly change.
local bench = require "bench.support"
local captures = require "bench.captures"

local SCALE, CLIENTS, ROUNDS = 10, 8, 5
local seconds = bench.scale(5)
-- Rows that each client may delete: more than it can in that time.
local OWN = 4000 * seconds

local conninfo = bench.database()
bench.accounts(conninfo, SCALE)
local capture = captures.new(conninfo)
local writers = capture.conninfo

bench.psql("CREATE TABLE item (LIKE pgbench_accounts INCLUDING ALL);"
  .. "CREATE SEQUENCE item_aid; ALTER TABLE item ALTER aid SET DEFAULT nextval('item_aid')",
  conninfo)

local INSERT = "INSERT INTO item (bid, abalance, filler) VALUES (1, 0, 'new');\n"
-- Each client deletes a range of its own from its beginning to its end.
local DELETE = ([[
\set i :i + 1
DELETE FROM item WHERE aid = :client_id * %d + :i;
]]):format(OWN)

-- Each client has accounts of its own, so that transactions never wait for each other.
local function ten_updates()
  local share = SCALE * 100000 / CLIENTS
  local update = ([[
\set aid :client_id * %d + random(1, %d)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
]]):format(share, share)
  return "BEGIN;\n" .. update:rep(10) .. "COMMIT;\n"
end

local function empty()
  bench.psql("TRUNCATE item; ALTER SEQUENCE item_aid RESTART", conninfo)
end

local function fill()
  empty()
  bench.psql(("INSERT INTO item (aid, bid, abalance, filler)"
    .. " SELECT g, 1, 0, 'old' FROM generate_series(1, %d) g; VACUUM ANALYZE item"):format(
    CLIENTS * OWN), conninfo)
end

local function some_left()
  for client = 1, CLIENTS do
    local left = bench.psql("SELECT count(*) FROM item WHERE aid = " .. client * OWN, conninfo)
    assert(left == "1", "a client has deleted all its rows: it needs more of them")
  end
end

local CASES = {
  { name = "single-row UPDATE", table = "pgbench_accounts", script = bench.one_account(SCALE),
    target = 0.65 },
  { name = "single-row INSERT", table = "item", script = INSERT, before = empty, target = 0.7 },
  { name = "single-row DELETE", table = "item", script = DELETE, before = fill,
    after = some_left },
  { name = "transaction of ten UPDATEs", table = "pgbench_accounts", script = ten_updates() },
}

-- Transactions a second, and microseconds of the server's processor time for each.
local function rate(case)
  local before = bench.server_time()
  local load = bench.pgbench { conninfo = writers, script = case.script, clients = CLIENTS,
    seconds = seconds, variables = { i = 0 } }
  local count, report = load:wait()
  local spent = bench.server_time() - before
  return { tps = tonumber(report:match("tps = ([%d.]+)")), spent = spent / count * 1e6 }
end

-- @param spent the processor times by side, to which each run adds its own
local function measure(case, spent)
  return function(side)
    if case.before then case.before() end
    bench.psql("CHECKPOINT", conninfo)
    local found = capture:under(side, case.table, function() return rate(case) end)
    if case.after then case.after() end
    spent[side] = spent[side] or {}
    table.insert(spent[side], found.spent)
    return found.tps
  end
end

rate(CASES[1]) -- the first writes to each page of a new table cost more than later ones
for _, case in ipairs(CASES) do
  local spent = {}
  local tps = captures.compare(ROUNDS, measure(case, spent))
  bench.title("rows: %s, %d clients, pgbench -s %d, %d rounds of %d s each, nobody listens",
    case.name, CLIENTS, SCALE, ROUNDS, seconds)
  captures.show(tps, function(figure) return bench.count(figure) .. "/s" end, function(side)
    return ("   server %4.0f us each"):format(bench.median(spent[side]))
  end)
  if case.target then
    bench.target(case.name .. ", of none", tps.this / tps.bare, ">=", case.target)
  end
end

capture.log:close()
bench.drop(conninfo)
