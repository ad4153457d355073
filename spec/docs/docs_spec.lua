-- What the documents say about this tree: files, methods, options of the command, the picture, and
-- the reference.
local commands = require "forgelog.cli.commands"
local docs = require "support.docs"
local forgelog = require "forgelog"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")
local ALL = { "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md" }
local PAGES = "guide interface consumers recipes guarantees fault-record operating "
  .. "managed-servers how-it-works benchmarks beside"
for name in PAGES:gmatch("%S+") do
  ALL[#ALL + 1] = "docs/" .. name .. ".md"
end

-- Modules without a page in the reference: private ones, and names of the first edition.
local INTERNAL = "connection/ consumer/ feed/ rows/ drain drain/ doctor/ install/ seqs tables/ "
  .. "trim units times utf8 cli cli/ schema watch watched ipc cache/flights cache/following "
  .. "cache/handling cache/held cache/hub cache/lease cache/packed cache/reading cache/reporting "
  .. "cache/ring cache/source cache/timer"

local function exists(name)
  local file = io.open(root .. "/" .. name)
  if file then file:close() end
  return file ~= nil
end

local function sources()
  local list = {}
  local _, output = support.run("cd '" .. root .. "' && find src bin -type f")
  for name in output:gmatch("[^\n]+") do list[#list + 1] = name end
  return list
end

-- The files that the table of modules names, as patterns.
local function places()
  local list = {}
  local rows = docs.read("CONTRIBUTING.md"):match("\n## Modules\n(.-)\n## ")
  for cell in rows:gmatch("\n| ([^|]+) |") do
    local folder
    for name in cell:gmatch("`([^`]+)`") do
      local whole = name:match("^src/") or name:match("/$")
      folder = whole and name:match("^(src/%w+/)") or folder
      list[#list + 1] = whole and name or folder .. name
    end
  end
  return list
end

-- All of a document that is meant for a shell: blocks, and words between backticks.
local function code(page)
  local parts = {}
  for _, block in ipairs(docs.blocks(page)) do
    parts[#parts + 1] = block.language == "sh" and block.text or nil
  end
  for span in docs.read(page):gmatch("`(forgelog [^`\n]+)`") do parts[#parts + 1] = span end
  return table.concat(parts, "\n")
end

describe("the documents", function()
  it("lead to files that exist", function()
    local count = 0
    for _, page in ipairs(ALL) do
      for target in docs.read(page):gmatch("%]%(([^)#]+)[^)]*%)") do
        local name = (page:match("^docs/") or "") .. target
        if not target:find("^https://") then
          count = count + 1
          assert.truthy(exists((name:gsub("^docs/%.%./", ""))), page .. " leads to " .. target)
        end
      end
    end
    assert.is_true(count > 25)
  end)

  it("lead to headings that exist", function()
    local anchors, count = {}, 0
    for _, page in ipairs(ALL) do
      anchors[page] = {}
      for heading in docs.read(page):gmatch("\n#+ ([^\n]+)") do
        anchors[page][(heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-"))] = true
      end
    end
    for _, page in ipairs(ALL) do
      for target, anchor in docs.read(page):gmatch("%]%(([^)#]*)#([^)]+)%)") do
        local name = target == "" and page or (page:match("^docs/") or "") .. target
        local there = anchors[(name:gsub("^docs/%.%./", ""))]
        if not target:find("^https://") then
          count = count + 1
          assert.truthy(there and there[anchor], ("%s leads to %s#%s"):format(page, target, anchor))
        end
      end
    end
    assert.is_true(count > 60)
  end)

  it("name specs that exist, one for each promise at least", function()
    local text, promises = docs.read("docs/guarantees.md"), 0
    for _, page in ipairs(ALL) do
      for name in docs.read(page):gmatch("spec/[%l%d_/]+%.%w+") do
        assert.truthy(exists(name), page .. " names " .. name)
      end
    end
    for row in text:match("\n| promise |.-\n\n"):gmatch("\n| (%*%*[^\n]+)") do
      promises = promises + 1
      assert.matches("| `spec/[^|]+|$", row)
    end
    assert.is_true(promises > 10)
  end)

  it("name methods that exist", function()
    local db, count = support.database(), 0
    local log = assert(forgelog.connect(db))
    local methods = getmetatable(log).__index
    for _, page in ipairs(ALL) do
      for name in docs.read(page):gmatch("log:([%a_]+)%(") do
        count = count + 1
        assert.equal("function", type(methods[name]), page .. ": log:" .. name)
      end
    end
    log:close()
    support.drop(db)
    assert.is_true(count > 50)
  end)

  it("name commands and options that there are", function()
    local known, count = {}, 0
    local function add(name, options)
      known[name] = known[name] or { ["--help"] = true }
      for _, option in ipairs(options) do
        for flag in option[1]:gmatch("%-%S+") do known[name][flag] = true end
      end
    end
    for _, command in ipairs(commands) do
      add(command[1], commands.options)
      add(command[1], command[3])
    end
    for _, page in ipairs(ALL) do
      for name, rest in code(page):gmatch("forgelog (%l+)([^`\n|>&#)]*)") do
        count = count + 1
        assert.truthy(known[name], page .. ": forgelog " .. name)
        for flag in rest:gsub("'[^']*'", "''"):gmatch(" (%-%-?[%a-]+)") do
          assert.truthy(known[name][flag], ("%s: forgelog %s %s"):format(page, name, flag))
        end
      end
    end
    assert.is_true(count > 40)
  end)

  it("give every file of the source its place", function()
    local patterns = places()
    for _, source in ipairs(sources()) do
      local found = false
      for _, place in ipairs(patterns) do
        local pattern = "^" .. place:gsub("%.%l+$", ""):gsub("[%-.]", "%%%0"):gsub("%*", "[^/]+")
        found = found or source:find(pattern .. (place:find("/$") and "" or "%.%l+$")) ~= nil
      end
      assert.is_true(found, "CONTRIBUTING's modules lack " .. source)
    end
    for _, place in ipairs(patterns) do
      assert.truthy(place:find("*", 1, true) or exists(place), place)
    end
  end)
end)

describe("the picture of the horizon", function()
  local db, log
  setup(function()
    db = support.database()
    log = assert(forgelog.connect(db))
    assert(log:query("CREATE TABLE item (id int PRIMARY KEY)"))
    assert(log:install())
    assert(log:watch("item"))
    assert(log:query("INSERT INTO item SELECT generate_series(1, 16)"))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  local function shows(...)
    local picture = docs.read("docs/horizon.svg")
    for _, text in ipairs({ ... }) do
      assert.truthy(picture:find(">" .. text .. "<", 1, true), text)
    end
  end

  local function seqs(of)
    local list = {}
    for change in of do list[#list + 1] = change.seq end
    return table.concat(list, ", ")
  end

  local function begin(id)
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN"))
    assert(writer:query("INSERT INTO item VALUES ($1)", id))
    return function(word)
      assert(writer:query(word))
      writer:close()
    end
  end

  it("shows what happens", function()
    local reader, follower = assert(forgelog.connect(db)), assert(forgelog.connect(db))
    assert.equal(16, reader:horizon())
    local a, b, c = begin(17), begin(18), begin(19)
    b("COMMIT")
    local d = begin(20)
    c("ROLLBACK")
    d("COMMIT")

    assert.equal("", seqs(reader:drain(16)))
    local feed = follower:follow(16)
    local changes = assert(feed:batch(10, 5))
    assert.equal("18, 20", changes[1].seq .. ", " .. changes[2].seq)
    shows("horizon " .. reader:horizon(), "18, 20; position " .. feed:position(),
      "nothing: 17 may still come")

    a("COMMIT")
    local handed = seqs(reader:drain(16))
    assert.equal(17, assert(feed:next(5)).seq)
    assert.equal("timeout", select(2, feed:next(0.2)).kind)
    shows(handed, "horizon " .. reader:horizon(), "17; then position " .. feed:position())
    reader:close()
    follower:close()
  end)
end)

describe("the reference", function()
  local config = docs.read("docs/config.ld")

  it("has a page for every module that is not internal", function()
    for _, source in ipairs(sources()) do
      local name = source:match("^src/forgelog/(.*)%.lua$")
      if name then
        local listed = config:find('"../' .. source .. '"', 1, true) ~= nil
        local function is_internal(part)
          return (" " .. INTERNAL .. " "):find(" " .. part .. " ", 1, true) ~= nil
        end
        local internal = is_internal(name) or is_internal(name:match("^%w+/") or name)
        local wrong = listed and " is listed and internal" or " is not listed"
        assert.is_true(listed ~= internal, name .. wrong)
      end
    end
  end)

  it("is made without a warning, and shows what the modules offer", function()
    if not support.run("command -v ldoc") then return pending("ldoc is not installed") end
    local folder = support.path("reference")
    local making = "unset MAKEFLAGS MFLAGS MAKELEVEL; cd '%s' && make -s docs REFERENCE='%s' "
      .. "TYPES='%s'"
    local ok, output, errors = support.run(making:format(root, folder, folder .. "-types"))
    assert(ok, output .. errors)
    assert.equal("", errors)
    local function page(module)
      local file = assert(io.open(("%s/modules/%s.html"):format(folder, module)))
      local text = file:read("*a")
      file:close()
      return text
    end
    for module, names in pairs({
      ["forgelog"] = "connect Log:drain Log:follow Log:trim Log:position Log:status",
      ["forgelog.feed"] = "Feed:next Feed:batch",
      ["forgelog.consumer"] = "new Consumer:run Consumer:step forget",
      ["forgelog.store"] = "memory file table shared",
      ["forgelog.install"] = "install installed",
      ["forgelog.tables"] = "watch unwatch watched",
      ["forgelog.status"] = "status",
      ["forgelog.doctor"] = "diagnose",
      ["forgelog.cache"] = "new Cache:get",
      ["forgelog.wait.openresty"] = "threads",
      ["forgelog.connection"] = "Connection:run Connection:query",
    }) do
      local text = page(module)
      for name in names:gmatch("%S+") do
        assert.truthy(text:find('name = "' .. name .. '"', 1, true), module .. ": " .. name)
      end
    end
    -- A contract is what somebody who writes a waiter or a store goes by.
    for module, words in pairs({
      ["forgelog.wait"] = "wait(fd, events[, seconds]), now(), cancel(fd), connecting(conn), "
        .. "spawn(f, ...), signal()",
      ["forgelog.store"] = "load(log[, name]), save(log, name, position[, last[, claim]]), "
        .. "instance()",
    }) do
      local text = page(module)
      for word in words:gmatch("%l+%b()") do
        assert.truthy(text:find(word, 1, true), module .. ": " .. word)
      end
    end
    for module in config:gmatch('src/forgelog/([%w/]+)%.lua"') do
      local name = module == "init" and "forgelog" or "forgelog." .. module:gsub("/", ".")
      assert.truthy(#page(name) > 1000, name)
    end
  end)
end)
