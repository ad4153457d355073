-- The memory that a session keeps after it has written to hundreds of watched tables: without a
-- trigger, with a small trigger of one's own, with the first edition's capture, watched.
local bench = require "bench.support"
local captures = require "bench.captures"

local TABLES = bench.scale(300)
local WRITES = {
  "INSERT INTO %s (id, name) VALUES (1, 'new')",
  "UPDATE %s SET name = 'other' WHERE id = 1",
  "DELETE FROM %s WHERE id = 1",
}

local OWN = [[
CREATE TABLE own_log (seq bigserial PRIMARY KEY, table_name text, op text, row_id text);
CREATE FUNCTION own_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO own_log (table_name, op, row_id)
    VALUES (TG_TABLE_NAME, TG_OP, CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
  RETURN NULL;
END $$]]

local function each_table(text)
  local parts = {}
  for i = 1, TABLES do parts[i] = text:format("t" .. i) end
  return table.concat(parts, ";\n")
end

-- Kibibytes of a session's memory contexts and of its own pages: for each table, above those before
-- its first write.
local function measure(conninfo)
  local log = bench.connect(conninfo)
  local pid = log.connection:fact("backend")
  local function contexts()
    return assert(log:query("SELECT sum(total_bytes)::float8 / 1024 AS kb"
      .. " FROM pg_backend_memory_contexts"))[1].kb
  end
  local function pages()
    local file = assert(io.open("/proc/" .. pid .. "/status"))
    local kb = file:read("*a"):match("RssAnon:%s*(%d+) kB")
    file:close()
    return tonumber(kb)
  end
  contexts()
  local held, resident = contexts(), pages()
  for i = 1, TABLES do
    for _, write in ipairs(WRITES) do assert(log:query((write:format("t" .. i)))) end
  end
  held, resident = contexts() - held, pages() - resident
  log:close()
  return held / TABLES, resident / TABLES
end

-- Each side has a database, so that none pays for the catalog of another.
local function side(arrange)
  local conninfo = bench.database()
  local capture = captures.new(conninfo)
  bench.psql("SET client_min_messages = warning;\n" .. OWN .. ";\n" .. each_table(
    "CREATE TABLE %s (id int PRIMARY KEY, name text, price numeric, n int, at timestamptz)"),
    conninfo)
  arrange(capture)
  local held, resident = measure(capture.conninfo)
  capture.log:close()
  bench.drop(conninfo)
  return { held = held, resident = resident }
end

local function watch(way)
  return function(capture)
    for i = 1, TABLES do capture:on(way, "t" .. i) end
  end
end

local function own(capture)
  bench.psql(each_table("CREATE TRIGGER own AFTER INSERT OR UPDATE OR DELETE ON %s"
    .. " FOR EACH ROW EXECUTE FUNCTION own_trigger()"), capture.conninfo)
end

local SIDES = {
  { "no trigger", function() end },
  { "a small trigger of one's own", own },
  { "first edition", watch "first" },
  { "this edition", watch "this" },
}

bench.title("sessions: memory after INSERT, UPDATE and DELETE in each of %d tables", TABLES)
local bare
for _, one in ipairs(SIDES) do
  local found = side(one[2])
  bare = bare or found
  bench.line(one[1], "%7.1f kB a table (%.1f above no trigger), %7.1f kB of pages", found.held,
    found.held - bare.held, found.resident)
end
