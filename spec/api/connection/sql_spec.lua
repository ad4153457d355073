-- The files of SQL: read once, their words replaced, and an unknown word refused by name.
local core = require "forgelog.core"
local process = require "support.process"
local sql = require "forgelog.connection.sql"

local root = os.getenv("FORGELOG_ROOT")

-- The names of all files of SQL, such as "trim.batch".
local function names()
  local list = {}
  local _, output = process.run("cd '" .. root .. "/src/forgelog/sql' && find . -name '*.sql'")
  for path in output:gmatch("%./([^\n]+)%.sql") do list[#list + 1] = (path:gsub("/", ".")) end
  assert(#list > 30)
  return list
end

local function read(name)
  local file = assert(io.open(root .. "/src/forgelog/sql/" .. name:gsub("%.", "/") .. ".sql"))
  local text = file:read("*a")
  file:close()
  return text
end

-- What install fills in beside the schema.
local DDL = {
  version = 2, owner = "forgelog", owner_text = "forgelog", limit = "1s", script = "SELECT 1;",
  branches = "", pin = "", unpin = "", schema_oid = 1, declare = "",
  rows = "new_rows", finish = "RETURN NEW;",
  turn = "SELECT 1", relation = 1, name = "'t'", sequence = "s",
}

-- What the statement that reads rows of a table is made of.
local ROWS = { relation = 1, table = "t", row_id = "r.id", kept = "", shape = "''",
  behind = "true", order = "r.id", most = 1 }

describe("a file of SQL", function()
  it("begins with a comment that the server is not sent", function()
    for _, name in ipairs(names()) do
      assert.matches("^%-%- %w", read(name), nil, nil, name)
      assert.is_nil(sql.text(name):match("^%s*%-%-"), name)
      assert.is_nil(sql.text(name):match("%s$"), name)
    end
  end)

  it("has no word that nobody knows", function()
    for _, name in ipairs(names()) do
      local words = { schema = '"odd""one"' }
      local further = name:find("^ddl%.") and DDL or name:find("^rows%.") and ROWS or {}
      for word, value in pairs(further) do words[word] = value end
      if not name:find("^words%.") then
        assert.is_nil(sql.fill(name, words):match("@[%w_]+@"), name)
      end
    end
  end)

  it("with an unknown word is refused, by the word and the file", function()
    local ok, err = pcall(sql.fill, "trim.floor", {})
    assert.is_false(ok)
    assert.matches("sql/trim/floor.sql has the unknown word @schema@", err, 1, true)
  end)

  it("is read once", function()
    local opened, open = 0, io.open
    io.open = function(...) -- luacheck: ignore 122
      opened = opened + 1
      return open(...)
    end
    sql.text("trim.floor")
    for _ = 1, 3 do sql.fill("trim.lock", { schema = "feed" }) end
    local first = opened
    for _ = 1, 10 do sql.fill("trim.lock", { schema = "feed" }) end
    io.open = open -- luacheck: ignore 122
    assert.equal(first, opened)
    assert.is_true(first <= 1)
  end)

  it("says whether it needs the schema, also by a word of a word", function()
    assert.is_true(sql.needs_schema("trim.floor"))
    assert.is_true(sql.needs_schema("status.writers"))
    assert.is_false(sql.needs_schema("trim.lock"))
    assert.is_false(sql.needs_schema("consumer.commit"))
  end)
end)

describe("a word", function()
  it("of the schema is safe inside a literal", function()
    local text = sql.fill("consumer.claim", { schema = [["it's"]] })
    assert.matches([['"it''s".forge_change_log'::pg_catalog.regclass]], text, 1, true)
  end)

  it("stands for the same lock in every file and in C", function()
    assert.matches(core.words.trimmer, sql.fill("trim.lock", {}), 1, true)
    assert.matches(core.words.bell, sql.fill("feed.arm", {}), 1, true)
    for _, name in ipairs(names()) do
      for word, value in pairs(core.words) do
        local number = value:match("^%d+$")
        assert.is_nil(number and read(name):find(number, 1, true), name .. " repeats " .. word)
      end
    end
  end)
end)

describe("a file of SQL that cannot be opened for now", function()
  it("is not taken for one that is not there", function()
    local ok, output, errors = process.run(("ulimit -n 40; %s %s"):format(os.getenv("FORGELOG_LUA"),
      process.file([[
        local sql = require "forgelog.connection.sql"
        sql.text("tables.touch")
        local files = {}
        repeat
          local file = io.open("/dev/null")
          files[#files + 1] = file
        until not file
        local words = { schema = "public", schema_name = "'public'" }
        local done, why = pcall(sql.fill, "tables.touch", words)
        for _, file in ipairs(files) do file:close() end
        print(done, why)
        assert(sql.fill("tables.touch", words))]])))
    assert.is_true(ok, errors)
    assert.match("^false.*Too many open files", output)
  end)
end)

describe("quoting", function()
  it("of a text and of a name", function()
    assert.equal("'it''s'", sql.literal("it's"))
    assert.equal('"odd ""one"', sql.identifier('odd "one'))
  end)
end)
