--- The load of a situation: transactions of every kind that write rows to two watched tables, each
-- row once. So what was committed can be compared with what was delivered, row by row, whatever has
-- become of the log meanwhile. `n` is 1 for the first row of a transaction.
-- @module soak.load
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local load = {}
load.__index = load

local SCHEMA = [[
CREATE SEQUENCE item_id;
CREATE TABLE item (id bigint PRIMARY KEY, n int);
CREATE TABLE paper (id bigint PRIMARY KEY, n int);
CREATE TABLE effect (id bigint, at timestamptz DEFAULT clock_timestamp());
CREATE PROCEDURE spree(era bigint, times int) LANGUAGE plpgsql AS $$
DECLARE
  kind int;
BEGIN
  FOR i IN 1 .. times LOOP
    kind := floor(random() * 20);
    INSERT INTO item VALUES (era + nextval('item_id'), 1);
    IF kind < 3 THEN -- a savepoint that is rolled back
      BEGIN
        INSERT INTO item VALUES (era + nextval('item_id'), 2);
        RAISE EXCEPTION 'rolled back';
      EXCEPTION WHEN raise_exception THEN NULL;
      END;
    ELSIF kind < 6 THEN -- one that stays
      BEGIN
        INSERT INTO item VALUES (era + nextval('item_id'), 2);
      EXCEPTION WHEN raise_exception THEN NULL;
      END;
    ELSIF kind = 6 THEN
      ROLLBACK;
    END IF;
    COMMIT;
  END LOOP;
END $$;
]]

-- The row that a script inserts, of these tables.
local function row(name, n)
  return ("INSERT INTO %s VALUES (:era + nextval('item_id'), %d);\n"):format(name, n)
end

local SPREE = "CALL spree(:era, :times);\n"

local SHORT = "\\set pause random(0, 1500)\nBEGIN;\n" .. row("item", 1) .. "\\sleep :pause us\n"
  .. "SAVEPOINT a;\n" .. row("item", 2) .. "ROLLBACK TO a;\n" .. row("item", 2) .. "COMMIT;\n"

local SERIALIZABLE = "BEGIN ISOLATION LEVEL SERIALIZABLE;\n"
  .. "SELECT count(*) FROM (SELECT FROM item ORDER BY id DESC LIMIT 10) newest;\n"
  .. row("item", 1) .. "COMMIT;\n"

local LONG = "\\set pause random(200, 1500)\nBEGIN;\n" .. row("item", 1) .. "\\sleep :pause ms\n"
  .. row("item", 2) .. "COMMIT;\n"

local PREPARED = "\\set number random(1, 1000000000000000)\n\\set pause random(0, 600)\n"
  .. "BEGIN;\n" .. row("paper", 1) .. "PREPARE TRANSACTION 'load :number';\n\\sleep :pause ms\n"
  .. "COMMIT PREPARED 'load :number';\n"

-- Transactions of these scripts by as many clients, begun anew for as long as they are broken off.
local function loop(self, clients, scripts, rate)
  local words = { "pgbench -n -T 3600 --max-tries=100 -j 1 -c " .. clients,
    ("-D era=%d000000000000 -D times=%d"):format(self.era, self.times) }
  for _, script in ipairs(scripts) do
    words[#words + 1] = ("-f %s@%d"):format(process.quote(process.file(script[1])), script[2])
  end
  if rate then words[#words + 1] = "-R " .. rate end
  words[#words + 1] = process.quote(self.conninfo)
  local command = table.concat(words, " ")
  return support.start(("export PGOPTIONS='-c synchronous_commit=%s'\n"
    .. "until [ -e %s ]; do %s >/dev/null 2>&1; sleep 0.1; done"):format(
    self.durable and "on" or "off", process.quote(self.over), command))
end

--- Makes the tables, and has them watched.
function load.prepare(log)
  logs.must(log, "SET client_min_messages = warning")
  logs.must(log, SCHEMA)
  assert(log:install())
  assert(log:watch("item"))
  assert(log:watch("paper", { notify = false })) -- or its transactions could not be prepared
end

--- Starts it.
-- @tparam table opts `conninfo`; `commits` wanted in all; `era`, a number that is part of each id,
-- for a server that may give the numbers of an earlier one again; `rate` (commits a second, about;
-- none: as fast as it goes), `durable` (bool)
function load.start(opts)
  local self = setmetatable({ conninfo = opts.conninfo, era = opts.era or 0,
    durable = opts.durable, over = support.path("over") }, load)
  self.times = math.max(1, math.min(100, math.floor(opts.commits / 200)))
  local rate = opts.rate and math.max(20, math.floor(opts.rate / self.times))
  self.loops = {
    loop(self, opts.clients or 4, { { SPREE, 8 }, { SHORT, 1 }, { SERIALIZABLE, 1 } }, rate),
    loop(self, 2, { { LONG, 1 }, { PREPARED, 2 } }),
  }
  return self
end

--- Stops it; what was prepared is left.
function load:stop()
  support.write(self.over, "")
  for _, each in ipairs(self.loops) do
    each:kill()
    each:wait()
  end
end

--- What was prepared by a session that a failure has ended is committed a little later, as whoever
-- coordinates transactions does it. Waits until nothing is prepared that was so before.
-- @param at the situation
function load.resolve(at)
  local now = at:ask("SELECT clock_timestamp()::text AS now")[1].now
  support.wait_until(function()
    local left = at:ask([[SELECT gid, prepared < clock_timestamp() - interval '0.8 s' AS old
      FROM pg_prepared_xacts WHERE prepared < $1::timestamptz AND gid LIKE 'load %']], now)
    for _, each in ipairs(left) do
      -- Its own session may have done so by now.
      if each.old then at.log:query(("COMMIT PREPARED '%s'"):format(each.gid)) end
    end
    return #left == 0
  end, "the end of what was prepared")
end

--- Waits until its sessions have gone, and commits what it has left prepared.
function load.settle(log)
  support.wait_until(function()
    return logs.must(log, [[SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
      WHERE application_name = 'pgbench' AND datname = current_database()]])[1].n == 0
  end, "the writers' end")
  for _, each in ipairs(logs.must(log, "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'load%'"))
  do
    logs.must(log, ("COMMIT PREPARED '%s'"):format(each.gid))
  end
end

return load
