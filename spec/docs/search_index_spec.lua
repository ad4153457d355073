-- The recipe of a search index: it has what the table has, whatever the index refuses or misses.
local consumer = require "forgelog.consumer"
local index = require "support.index"
local logs = require "support.logs"
local recipes = require "support.recipes"
local support = require "support"

local must = logs.must

describe("the recipe of a search index", function()
  local recipe, log, searched
  before_each(function()
    recipe = recipes.new()
    log, searched = recipe.log, index.start()
    recipe.running[1] = searched.process
    must(log, "INSERT INTO articles VALUES (1, 'one'), (2, 'refused'), (3, 'three')")
    local host = { ["http://localhost:9200"] = searched.host }
    recipe:sh("curl -X PUT", host)
    host["articles.position"] = support.path("articles")
    recipe:start("search_index.lua http", host)
  end)
  after_each(function() recipe:close() end)

  local function holds(...)
    local lines = {}
    for i, row in ipairs { ... } do
      lines[i] = ('%d {"id": %d, "title": "%s"}'):format(row[1], row[1], row[2])
    end
    local wanted = table.concat(lines, "\n")
    recipe:wait("the index", function() return searched:documents() == wanted end)
  end

  local function parked() return #assert(consumer.parked(log, "articles-index")) end

  it("fills it, parks what is refused, and waits while it is busy", function()
    holds({ 1, "one" }, { 3, "three" })
    recipe:wait("the refused one to be parked", function() return parked() == 1 end)
    searched:be_busy(5)
    must(log, "UPDATE articles SET title = 'uno' WHERE id = 1")
    holds({ 1, "uno" }, { 3, "three" })
    must(log, "DELETE FROM articles WHERE id = 3")
    holds({ 1, "uno" })
    assert.equal(1, parked())
  end)

  it("fills it again when asked, and after a TRUNCATE", function()
    holds({ 1, "one" }, { 3, "three" })
    must(log, "ALTER TABLE articles DISABLE TRIGGER ALL; INSERT INTO articles VALUES (4, 'four');"
      .. " ALTER TABLE articles ENABLE TRIGGER ALL")
    recipe:sh("backfill articles-index")
    holds({ 1, "one" }, { 3, "three" }, { 4, "four" })
    for id = 5, 7 do -- in one of these turns at least, the index is not busy
      must(log, ("TRUNCATE articles; INSERT INTO articles VALUES (%d, 'new')"):format(id))
      holds({ id, "new" })
    end
  end)
end)
