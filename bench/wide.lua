-- UPDATE of a counter beside a large value that stays as it is: without a trigger, with the first
-- edition's capture, watched. PostgreSQL 17 and later can tell that such a value is unchanged
-- without reading it.
local bench = require "bench.support"
local captures = require "bench.captures"

local ROUNDS, DOCUMENTS, UPDATES = 5, 5, 20
local SIDES = { "bare", "first", "this" }
local megabytes = { 1, 5 }

local conninfo = bench.database()
local capture = captures.new(conninfo)
local version = tonumber(bench.psql("SHOW server_version_num")) / 10000

-- A list of small objects, as documents often are; it is stored compressed.
bench.psql("CREATE TABLE document (id int PRIMARY KEY, n int, body text)", conninfo)

local function fill(size)
  local characters, objects = size * 1048576, size * 16384
  bench.psql(([[TRUNCATE document;
    INSERT INTO document SELECT d, 0, left(string_agg(format(
        '{"id": %%s, "hash": "%%s", "name": "item number %%s", "price": 19.95}, ',
        g, left(md5(g::text), 8), g + d), ''), %d)
      FROM generate_series(1, %d) d, generate_series(1, %d) g GROUP BY d;
    VACUUM ANALYZE document; CHECKPOINT]]):format(characters, DOCUMENTS, objects), conninfo)
  local least = bench.psql("SELECT min(length(body)) FROM document", conninfo)
  assert(tonumber(least) == characters, "a document is too short")
end

-- Milliseconds for each UPDATE of one row, in a session of its own.
local function update()
  local writer = bench.connect(capture.conninfo)
  local count = bench.scale(UPDATES)
  local seconds = bench.timed(function()
    for i = 1, count do
      for id = 1, DOCUMENTS do
        assert(writer:query("UPDATE document SET n = $1 WHERE id = $2", i, id))
      end
    end
    return true
  end)
  writer:close()
  return seconds * 1000 / (count * DOCUMENTS)
end

for _, size in ipairs(megabytes) do
  fill(size)
  local figures = captures.compare(ROUNDS, function(side)
    return capture:under(side, "document", update)
  end, SIDES)
  bench.title("wide: UPDATE of a counter beside an unchanged value of %d MB, %d rounds", size,
    ROUNDS)
  captures.show(figures, function(figure) return ("%.2f ms"):format(figure) end)
  if size == 1 and version >= 17 then
    bench.target("this edition, of no trigger", figures.this / figures.bare, "<=", 8, "x")
  elseif size == 1 then
    bench.target("this edition, of the first", figures.this / figures.first, "<=", 1 / 3)
  end
end

capture.log:close()
bench.drop(conninfo)
