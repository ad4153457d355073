-- An old primary that is rewound to the new one, is read as its hot standby, and takes over again.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local settle = consumers.settle

describe("an old primary that is rewound to the new one", function()
  local at, all, lacks_tool = nil, {}, false
  local LACKS_TOOL = "this PostgreSQL comes without pg_rewind"

  local function on(server, name)
    local one = all[name] or { store = consumer.file(support.path(name)) }
    if one.one then one.one:close() end
    one.one, one.seen = at:copier(name,
      { conninfo = at:on(server), position = one.store }, one.seen)
    all[name] = one
    return one
  end

  local function had(log, name, count)
    for _ = 1, 3 do
      logs.add_items(log, count)
      settle(all[name].one)
    end
  end

  -- What became of one: what it is told, and that its copy is as the table is.
  local function is(name, log, reasons)
    local one = all[name]
    support.wait_until(function()
      settle(one.one)
      return at:wrong(one.seen.copy, log) == 0
    end, name .. " to have all", 5)
    support.note("%s: %d handed out, resyncs %s, rows wrong 0", name, #one.seen.seqs,
      table.concat(one.seen.resyncs, ", "))
    assert.same(reasons, one.seen.resyncs)
    assert.is_true(#one.seen.seqs > 0)
  end

  setup(function()
    at = start { settings = { "wal_log_hints=on", "full_page_writes=on",
      "wal_keep_size=256MB" } }
    for _, name in ipairs { "shared", "ahead", "reads ahead" } do
      on(at.primary, name)
      had(at.log, name, 3)
    end
    for _, one in pairs(all) do settle(one.one) end
    all.shared.one:close()
    at:catch_up()
    at:cut()
    logs.add_items(at.log, 50)
    for _, name in ipairs { "ahead", "reads ahead" } do
      settle(all[name].one)
      all[name].one:close()
    end
    at:switch("kill")
    on(at.standby, "later")
    had(at.log, "later", 2)
    all.later.one:close()
    local ok, err = pcall(at.primary.rewind, at.primary, at.standby)
    lacks_tool = not ok and tostring(err):find("there is no", 1, true) ~= nil
    assert(ok or lacks_tool, tostring(err))
  end)
  teardown(function() at:stop() end)

  it("is read as its standby by whoever had no more than that, and by nobody else", function()
    if lacks_tool then return pending(LACKS_TOOL) end
    on(at.primary, "reads ahead")
    logs.add_items(at.log, 60)
    is("reads ahead", at.log, { "failover" })
    on(at.primary, "shared")
    is("shared", at.log, {})
  end)

  it("takes over from it, and all go on but those who had what it had lost", function()
    if lacks_tool then return pending(LACKS_TOOL) end
    all.shared.one:close()
    local new = at.standby
    at.log:close()
    new:kill()
    at.primary:promote()
    at.log = logs.connect(at:on(at.primary))
    logs.add_items(at.log, 4)
    for name, reasons in pairs { shared = {}, later = {}, ahead = { "failover" } } do
      on(at.primary, name)
      is(name, at.log, reasons)
    end
  end)
end)
