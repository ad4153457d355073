-- The file store: a position is on disk, whole, or the old one still is.
local consumer = require "forgelog.consumer"
local support = require "support"

describe("the file store", function()
  local path, store
  before_each(function()
    path = support.path("position")
    store = consumer.file(path)
  end)
  after_each(function() os.remove(path) end)

  it("keeps a position, and has none before", function()
    assert.same({}, { store.load() })
    assert.is_true(store.save(nil, "x", "1:15"))
    assert.equal("1:15", store.load())
    assert.is_true(store.save(nil, "x", "1:15:17-20,22"))
    assert.equal("1:15:17-20,22", consumer.file(path).load())
    support.write(path, "1:16\n") -- by hand
    assert.equal("1:16", store.load())
    assert.is_nil(support.read(path .. ".new"))
  end)

  it("says what is wrong with the file, and never takes garbage for a position", function()
    for _, garbage in ipairs { "", "banana", "1:2:", "1:15:3-2", "12 13" } do
      support.write(path, garbage)
      local position, err = store.load()
      assert.is_nil(position)
      assert.equal("query", err.kind)
      assert.matches(path, err.message, 1, true)
    end
    local ok, err = consumer.file("/nowhere/position").save(nil, nil, "1:1")
    assert.is_nil(ok)
    assert.matches("/nowhere/position: No such file or directory", err.message, 1, true)
    assert.same({}, { consumer.file("/nowhere/position").load() })
    assert.matches("directory", select(2, consumer.file("/").load()).message:lower(), 1, true)
  end)

  it("leaves the old position when a new one cannot be written", function()
    assert.is_true(store.save(nil, nil, "1:15"))
    assert(support.run("mkdir " .. path .. ".new"))
    assert.is_nil((store.save(nil, nil, "1:16")))
    assert.equal("1:15", store.load())
    assert(support.run("rmdir " .. path .. ".new"))
  end)

  it("is synced before it is renamed", function()
    local program = ("require([[forgelog.core]]).save([[%s]], [[1:15]])"):format(path)
    local ok, trace = support.run(
      ("strace -f -e trace=write,fsync,rename,openat %s -e '%s' 2>&1"):format(
        os.getenv("FORGELOG_LUA"), program))
    if not ok then return pending("there is no strace on this machine") end
    local calls = {}
    for call in trace:gmatch("%f[%a](%a+)%([^\n]*") do
      if call ~= "openat" then calls[#calls + 1] = call end
    end
    local made = table.concat(calls, " "):gsub(" ?write$", "")
    assert.matches("write fsync rename fsync$", made)
  end)
end)
