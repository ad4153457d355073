-- The definitions for editors (types/): that they are made of the comments as they are now, and say
-- neither more nor less than the modules have.
local check = require "forgelog.connection.options"
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"
local logs = require "support.logs"
local luacats = require "support.luacats"
local support = require "support"

local must = logs.must
local root = os.getenv("FORGELOG_ROOT")
local types = luacats.read(root .. "/types")

-- What modules and objects have for forgelog itself.
local PRIVATE = {
  ["forgelog"] = "unconnected",
  ["forgelog.connection"] = "new_handle",
  ["forgelog.connection.Connection"] = "may_connect cancel failure wait_until ask run_in rested "
    .. "reader fetch verify prefetch begin_following end_following sight pending_writers gap "
    .. "wait_readable notified",
  ["forgelog.feed.Feed"] = "rest compare differs share_names work_beside "
    .. "commit_work",
  ["forgelog.status"] = "awaits behind consumers clock remains standing",
}

local function public(names, of)
  local list = {}
  for name in pairs(names) do
    local private = (" " .. (PRIVATE[of] or "") .. " "):find(" " .. name .. " ", 1, true)
    if not private and not name:find("^__") then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function keys(...)
  local all = {}
  for _, names in ipairs({ ... }) do
    for name in pairs(names) do all[name] = true end
  end
  return all
end

local function sources(folder)
  local _, output = support.run(("cd '%s' && find %s -type f"):format(root, folder))
  local parts = {}
  for name in output:gmatch("[^\n]+") do
    if not name:find("/cli") and not name:find("/doctor") then
      parts[#parts + 1] = support.read(root .. "/" .. name)
    end
  end
  return table.concat(parts, "\n")
end

-- The texts of an alias.
local function texts(alias)
  local list = {}
  for _, one in ipairs(types.aliases[alias]) do list[#list + 1] = one:match('^"(.*)"$') end
  table.sort(list)
  return list
end

describe("the definitions for editors", function()
  it("are what 'make types' makes of the comments", function()
    if not support.run("command -v ldoc") then return pending("ldoc is not installed") end
    local folder = support.path("types")
    local making = "unset MAKEFLAGS MFLAGS MAKELEVEL; cd '%s' && make -s types TYPES='%s' "
      .. "&& diff -r types '%s'"
    local ok, output, errors = support.run(making:format(root, folder, folder))
    assert(ok, "run 'make types'\n" .. output .. errors)
  end)

  it("have every function and field of the public modules", function()
    local count = 0
    for file in support.read(root .. "/docs/config.ld"):gmatch('src/forgelog/([%w/]+)%.lua"') do
      local name = ("forgelog." .. file:gsub("/", ".")):gsub("%.init$", "")
      local about = assert(types.modules[name], "no definitions of " .. name)
      local there, module = pcall(require, name)
      if there then
        count = count + 1
        assert.equal(about.is_function, type(module) == "function", name)
        local defined = not about.is_function and keys(about.functions, types:fields(name)) or {}
        -- A waiter need not have all that a waiter may have.
        if name:find("%.wait%.%l+$") and module.wait then
          for field, of in pairs(types:fields("forgelog.wait.Waiter")) do
            if of.optional and not module[field] then defined[field] = nil end
          end
        end
        assert.same(public(defined, name),
          public(type(module) == "table" and module or {}, name), name)
      end
    end
    assert.is_true(count >= 20)
  end)

  describe("of objects", function()
    local db, log
    setup(function()
      db, log = logs.installed()
      assert(log:watch("item"))
    end)
    teardown(function()
      log:close()
      support.drop(db)
    end)

    local function same_methods(object, class)
      assert.same(public(types.classes[class].methods, class),
        public(getmetatable(object).__index, class), class)
    end

    it("have every method", function()
      local feed = log:follow()
      local one = consumer.new({ on_changes = function() end })
      local cache = require("forgelog.cache").new({})
      local nothing = function() end
      same_methods(log, "forgelog.Log")
      same_methods(log.connection, "forgelog.connection.Connection")
      same_methods(feed, "forgelog.feed.Feed")
      same_methods(one, "forgelog.consumer.Consumer")
      same_methods(cache, "forgelog.cache.Cache")
      same_methods(require("forgelog.wait.beside").signal(nothing, nothing), "forgelog.wait.Signal")
      feed:close()
    end)

    it("have every field", function()
      for field in pairs(log) do
        assert.truthy(types:fields("forgelog.Log")[field], "log." .. field)
      end
      for field in pairs(log.connection) do
        local known = field:find("^_") or types:fields("forgelog.connection.Connection")[field]
        assert.truthy(known, "connection." .. field)
      end
      local cache = require("forgelog.cache").new({})
      assert.equal("", types:wrong(cache:stats(), "forgelog.cache.Stats"))
      assert.equal("", types:wrong(cache:ipc(), "forgelog.cache.ipc.Ipc"))
      for _, store in ipairs({ consumer.memory(), consumer.file("x"), consumer.table(),
        consumer.table({ conninfo = db }) }) do
        assert.equal("", types:wrong(store, "forgelog.store.Store"))
      end
      assert.equal("", types:wrong(require "forgelog.wait.poll", "forgelog.wait.Waiter"))
    end)

    -- What the test of an option lets through, as a type.
    local TYPE_OF = { count = "integer", positive = "integer", seconds = "number", time = "number",
      names = "string[]", ops = "forgelog.LoggedOp[]", key = "string|string[]", table = "table",
      boolean = "boolean", failover = "forgelog.Failover" }

    local function fits(kind, of_type)
      if kind == "any" then return true end
      if kind == "function" then return of_type:find("^fun%(") ~= nil end
      if kind == "string" and types.aliases[of_type] then
        return #texts(of_type) == #types.aliases[of_type]
      end
      if kind == "string" then return of_type == "string" or of_type:find('^"%l+"$') ~= nil end
      return of_type == TYPE_OF[kind]
    end

    it("have every option, with its type", function()
      local known, original = {}, check.options
      function check.options(where, given, of)
        known[where] = of
        return original(where, given, of)
      end
      local ok, err = pcall(function()
        log:drain(0, {})
        log:follow(0, {}):close()
        log:rows("item", {})
        assert(log:position({}))
        assert(log:trim(0, {}))
        assert(log:install({}))
        assert(log:installed({}))
        assert(log:watch("item", {}))
        assert(log:status({}))
        assert(log:diagnose({}))
        assert(consumer.parked(log, "one", {}))
        consumer.backfill(log, "one", "item", {})
        consumer.table({})
        consumer.new({ on_changes = function() end })
        require("forgelog.cache").new({})
        assert(forgelog.connect(db, {})):close()
      end)
      check.options = original
      assert(ok, err)
      local count = 0
      for where, class in pairs({
        connect = "ConnectOptions", drain = "DrainOptions", follow = "FollowOptions",
        position = "PositionOptions", trim = "TrimOptions", rows = "rows.Options",
        install = "install.Options", installed = "install.InstalledOptions",
        watch = "tables.Options", status = "status.Options", diagnose = "doctor.Options",
        parked = "consumer.ParkedOptions", ["consumer.backfill"] = "consumer.BackfillOptions",
        ["consumer.table"] = "store.TableOptions", ["consumer.new"] = "consumer.Options",
        ["cache.new"] = "cache.Options",
      }) do
        count = count + 1
        local fields = types:fields("forgelog." .. class)
        assert.same(public(assert(known[where], where)), public(fields), where)
        for name, kind in pairs(known[where]) do
          local field = fields[name]
          assert.is_true(field.optional, where .. ": " .. name)
          assert.is_true(fits(kind, field.type),
            ("%s: %s is %s, and not %s"):format(where, name, kind, field.type))
        end
        known[where] = nil
      end
      assert.same({}, public(known))
      assert.equal(16, count)
    end)

    it("have the words that options may be", function()
      for _, op in ipairs(texts("forgelog.LoggedOp")) do log:drain(0, { ops = { op } }) end
      assert.has_error(function() log:drain(0, { ops = { "READ" } }) end)
      for _, word in ipairs(texts("forgelog.Failover")) do
        log:follow(0, { failover = word }):close()
      end
      local function make(field, word, options)
        options.on_changes, options[field] = function() end, word
        return consumer.new(options)
      end
      for field, alias in pairs({ start = "Start", exclusive = "Exclusive", park = "Park" }) do
        local words = texts("forgelog.consumer." .. alias)
        local function options()
          return { name = "one", attempts = 2, on_resync = function() end }
        end
        for _, word in ipairs(words) do make(field, word, options()) end
        local _, err = pcall(make, field, "none", options())
        local _, commas = err:match("one of (.-), got"):gsub(",", "")
        assert.equal(#words, commas + 1, field)
      end
      for _, word in ipairs(texts("forgelog.cache.Feed")) do
        require("forgelog.cache").new({ feed = word })
      end
      local _, err = pcall(require("forgelog.cache").new, { feed = "none" })
      assert.matches("feed must be", err)
    end)
  end)

  it("have the kinds of errors that there are", function()
    local names = sources("src/core"):match("kind_names%[%] = {(.-)}")
    local list = {}
    for name in names:gmatch('"(%l+)"') do list[#list + 1] = name ~= "none" and name or nil end
    table.sort(list)
    assert.same(list, texts("forgelog.ErrorKind"))
  end)

  it("have the codes that there are", function()
    local core, lua = sources("src/core"), sources("src/forgelog")
    local known, count = {}, 0
    for _, code in ipairs(texts("forgelog.ErrorCode")) do known[code] = true end
    local function seen(text, pattern)
      for code in text:gmatch(pattern) do
        count = count + 1
        assert.is_true(known[code], "no code " .. code)
      end
    end
    seen(core, 'error%.code = "([%l_]+)"')
    seen(core, 'fl_changelog_fail%(%s*log, FL_ERR_%u+, "([%l_]+)"')
    seen(lua, 'code = "([%l_]+)"')
    seen(lua, 'refusal%("([%l_]+)"')
    seen(lua, 'failure%("([%l_]+)"')
    seen(lua, 'of_store%([%w_]+, "([%l_]+)"')
    seen(lua:match("local function obstacle.-\nend\n"), 'return "([%l_]+)",')
    seen(lua:match("local function missing_right.-\nend\n"), 'return "([%l_]+)",')
    seen(lua:match("local function distrust.-\nend\n"), 'return "([%l_]+)",')
    seen(lua:match("local function unwatchable.-\nend\n"), 'return "([%l_]+)",')
    assert.is_true(count > 60)
    for code in pairs(known) do
      local quoted = '"' .. code .. '"'
      assert.truthy(core:find(quoted, 1, true) or lua:find(quoted, 1, true), "no code " .. code)
    end
  end)

  it("have the facts of a connection", function()
    local list = {}
    for name in sources("src/core"):match("fact_names%[%] = {(.-)}"):gmatch('"([%l_]+)"') do
      list[#list + 1] = name
    end
    table.sort(list)
    assert.same(list, texts("forgelog.connection.Fact"))
  end)
end)

-- A program as an editor sees it.
local PROGRAM = [[
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"

local log = assert(forgelog.connect("dbname=shop", { timeout = 2 }))
local position = assert(log:position())
for change in log:drain(position, { tables = { "orders" }, ops = { "DELETE" }, limit = 10 }) do
  print(change.seq + 1, change.op:lower(), change.old and change.old.email)
  position = change.seq
end
local feed = log:follow(position, { poll = 0.5, on_error = function(err) print(err.message) end })
local change, err = feed:next(10)
if change then print(change.table_name) elseif err.kind ~= "timeout" then error(err) end
for one in feed do print(one.row_id) end
local copy = consumer.new({
  name = "copy",
  position = consumer.table(),
  start = "now",
  on_changes = function(changes, own)
    for _, one in ipairs(changes) do assert(own:query("SELECT $1", one.row_id)) end
  end,
})
copy:step(1)
]]

-- What is wrong with each of these an editor has to see.
local MISTAKES = {
  { "log:drain(0, { limits = 1 })", nil },
  { "log:drane(0)", "undefined%-field" },
  { 'log:watch(17)', "param%-type%-mismatch" },
  { 'log:follow(0, { poll = "1" })', "assign%-type%-mismatch" },
}

describe("lua-language-server", function()
  -- The codes of what it finds wrong with a program.
  local function complaints(text)
    local folder, logs_of = support.path("editor"), support.path("editor-log")
    assert(support.run(("rm -rf '%s' '%s'; mkdir '%s' '%s'"):format(folder, logs_of, folder,
      logs_of)))
    support.write(folder .. "/.luarc.json",
      ('{ "workspace.library": ["%s/types"] }'):format(root))
    support.write(folder .. "/program.lua", text)
    local _, output, errors = support.run(("lua-language-server --check='%s' --checklevel=Warning "
      .. "--logpath='%s'"):format(folder, logs_of))
    assert.matches("Diagnosis complete", output .. errors)
    return support.read(logs_of .. "/check.json") or ""
  end

  it("takes a program that is right, and sees what is wrong in others", function()
    if not support.run("command -v lua-language-server") then
      return pending("lua-language-server is not installed")
    end
    assert.equal("", complaints(PROGRAM))
    for _, mistake in ipairs(MISTAKES) do
      local found = complaints(PROGRAM .. mistake[1] .. "\n")
      if mistake[2] then assert.matches(mistake[2], found) end
    end
  end)
end)

describe("the tables that are given out", function()
  local db, log
  before_each(function() db, log = logs.installed() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function is(class, value)
    assert.is_not_nil(value, class)
    assert.equal("", types:wrong(value, "forgelog." .. class))
    return value
  end

  it("are defined: changes, with all fields that they can have", function()
    must(log, "CREATE TABLE pair (a int, b text, big text, PRIMARY KEY (a, b))")
    assert(log:watch("pair", { keep = { "b", "big" } }))
    must(log, "SET forgelog.context = 'me'")
    must(log, "INSERT INTO pair VALUES (1, 'x', repeat('y', 70000)), (2, 'x', NULL)")
    must(log, "UPDATE pair SET big = 'z' WHERE a = 2")
    must(log, "DELETE FROM pair WHERE a = 2")
    must(log, "TRUNCATE pair")
    assert(log:touch("pair"))
    local seen, ops = {}, {}
    for change in log:drain() do
      is("Change", change)
      ops[change.op] = true
      seen = keys(seen, change)
    end
    assert.same(public(types:fields("forgelog.Change")), public(seen))
    assert.same({ "DELETE", "INSERT", "RELOAD", "TRUNCATE", "UPDATE" }, public(ops))
    must(log, "INSERT INTO pair VALUES (3, 'x', 'y')")
    for change in log:rows("pair", { keep = { "big" } }) do
      is("AnyChange", change)
      assert.same({ "READ" }, { change.op, change.seq })
    end
  end)

  it("are defined: a status and what belongs to it", function()
    must(log, "CREATE TABLE gone (id int PRIMARY KEY)")
    assert(log:watch("item"))
    assert(log:watch("gone"))
    must(log, "DROP TABLE gone")
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
    local failing = consumer.new({ conninfo = db, name = "one", position = consumer.table(),
      tables = { "item" }, start = "beginning", attempts = 1, backoff = 0.001, backoff_max = 0.001,
      on_changes = function() error("no") end })
    local deadline = logs.now() + 20
    while #assert(consumer.parked(log, "one")) < 2 and logs.now() < deadline do
      local _, err = failing:step(0.2)
      if err then is("Error", err) end
    end
    is("consumer.Stats", failing:stats())
    assert.equal(2, #is("consumer.Parked[]", consumer.parked(log, "one")))
    failing:close()
    is("consumer.Backfill", select(2, consumer.backfill(log, "one", "item")))
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (3)")
    local status = is("status.Status", log:status({ settle = 0 }))
    assert.same({ "item" }, { status.tables[1].name })
    assert.equal("gone", status.lost[1].name)
    assert.equal(2, status.consumers[1].parked)
    assert.equal("item", status.consumers[1].backfills[1].table)
    assert.equal(1, #status.writers)
    is("Writer[]", select(2, log:horizon()))
    writer:close()
    local names, watched = log:watched()
    is("tables.Watched", watched[names[1]])
    is("doctor.Finding[]", log:diagnose())
    is("install.Installed", log:installed())
  end)

  it("are defined: errors, and what a feed tells", function()
    local _, err = forgelog.connect("host=/nowhere")
    is("Error", err)
    local feed = log:follow()
    assert(feed:connected(10))
    _, err = feed:next(0)
    assert.equal("no_change", is("Error", err).code)
    is("feed.Stats", feed:stats())
    feed:close()
    must(log, "INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT')")
    assert.equal(1, log:trim(os.time() + 100, { min_rows = 0 }))
    local _, raised = pcall(log:drain("1:0"))
    assert.equal("trimmed", is("Error", raised).reason)
    _, err = log:caught_up("nobody", 0)
    assert.equal("no_consumer", is("Error", err).code)
    _, err = log:watch("item", { keep = { "nothing" } })
    assert.equal("no_column", is("Error", err).code)
    _, err = log:watch("itme")
    assert.equal("no_table", is("Error", err).code)
    for _, class in ipairs({ "Error", "status.Replay" }) do
      local text = sources("src")
      for field in pairs(types:fields("forgelog." .. class)) do
        assert.truthy(text:find("%f[%w_]" .. field .. "%f[^%w_]"), class .. "." .. field)
      end
    end
  end)
end)
