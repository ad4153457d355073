-- One statement that writes many rows: UPDATE, INSERT and DELETE, of small rows and of a table of
-- sixty columns; without a trigger, with the framework's row trigger, with the first edition's
-- capture, watched.
local bench = require "bench.support"
local captures = require "bench.captures"

local ROUNDS = 5
local rows = bench.scale(100000)

local conninfo = bench.database()
local capture = captures.new(conninfo)
local writer = bench.connect(capture.conninfo)

local STATEMENTS = { "UPDATE", "INSERT", "DELETE" }
-- Of the row trigger's time, for small rows.
local TARGETS = { UPDATE = 0.32, INSERT = 0.4, DELETE = 0.35 }

-- Prints what each statement costs on a table.
-- @param name the table's
-- @param what is written, for people
-- @param texts the statements: INSERT fills the empty table, UPDATE and DELETE take in all rows
local function measure(name, what, texts)
  local empty = "TRUNCATE " .. name
  local full = ("%s; %s; VACUUM ANALYZE %s"):format(empty, texts.INSERT, name)
  local before = { INSERT = empty, UPDATE = full, DELETE = full }
  local seconds = {}
  for _, statement in ipairs(STATEMENTS) do
    seconds[statement] = captures.compare(ROUNDS, function(side)
      bench.psql(before[statement] .. "; CHECKPOINT", conninfo)
      return capture:under(side, name, function()
        return (bench.timed(writer.query, writer, texts[statement]))
      end)
    end)
    bench.title("bulk: %s of %s, %d rounds", statement, what, ROUNDS)
    captures.show(seconds[statement], function(figure) return ("%.3f s"):format(figure) end)
  end
  return seconds
end

bench.psql([[
  CREATE TABLE small (aid int PRIMARY KEY, bid int, abalance int, filler char(84))]], conninfo)
local small = measure("small", bench.count(rows) .. " small rows", {
  INSERT = ("INSERT INTO small SELECT g, 1, 0, '' FROM generate_series(1, %d) g"):format(rows),
  UPDATE = "UPDATE small SET abalance = abalance + 1",
  DELETE = "DELETE FROM small",
})
print()
for _, statement in ipairs(STATEMENTS) do
  local seconds = small[statement]
  bench.target(statement .. ", of the row trigger", seconds.this / seconds.row, "<=",
    TARGETS[statement])
end

-- A key and 59 more: whole numbers, texts, timestamps and numerics by turns.
local TYPES = { "int DEFAULT 7", "text DEFAULT 'some words of text'",
  "timestamptz DEFAULT '2026-11-28 12:00:00+00'", "numeric DEFAULT 19.95" }
local columns = { "id int PRIMARY KEY" }
for i = 1, 59 do columns[i + 1] = ("c%d %s"):format(i, TYPES[(i - 1) % #TYPES + 1]) end
bench.psql(("CREATE TABLE broad (%s)"):format(table.concat(columns, ", ")), conninfo)
local fewer = math.ceil(rows / 4)
measure("broad", bench.count(fewer) .. " rows of 60 columns", {
  INSERT = ("INSERT INTO broad (id) SELECT generate_series(1, %d)"):format(fewer),
  UPDATE = "UPDATE broad SET c1 = c1 + 1, c2 = 'other words of text'",
  DELETE = "DELETE FROM broad",
})

writer:close()
capture.log:close()
bench.drop(conninfo)
