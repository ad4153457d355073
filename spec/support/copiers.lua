--- Consumers that keep a copy of the table item, on a pair of servers: their names say where they
-- keep their position, and what they do when the server is lost. Those named "memory" and "table"
-- are there then, and find the next one by themselves. The program of the one named "gone" has
-- died with the server, and has its position in the table.
-- @module support.copiers
local assert = require "luassert"
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

local copiers = {}
copiers.__index = copiers

local STORES = { memory = consumer.memory, table = consumer.table, gone = consumer.table }

--- Starts the servers and these consumers, who have had some changes then: `pair`, `all`.
-- @param[opt] options as of `support.pair`; `gone`: that one, too
function copiers.begin(options)
  local self = setmetatable({ pair = start(options), all = {}, naive = 0 }, copiers)
  local names = { "memory", "table", "closed", "died", "some" }
  if options and options.gone then names[6] = "gone" end
  for _, name in ipairs(names) do
    local store = STORES[name] and STORES[name]() or consumer.file(support.path(name))
    local one = { name = name, options = { conninfo = self.pair.both, position = store,
      tables = name == "some" and { "item" } or nil } }
    one.one, one.seen = self.pair:copier(name, one.options)
    self.all[#self.all + 1] = one
  end
  logs.add_items(self.pair.log, 3)
  self:settle()
  for _ = 1, 3 do self:have(self.pair.log, 4) end
  return self
end

--- Those whose names match, or all.
function copiers:each(only)
  local list = {}
  for _, one in ipairs(self.all) do
    if not only or one.name:match(only) then list[#list + 1] = one end
  end
  return ipairs(list)
end

--- Steps them in turn until for longer than a poll nothing has come to any.
function copiers:settle(only)
  local since, deadline = core.now(), core.now() + 30
  while core.now() - since < 0.3 do
    assert(core.now() < deadline, "the consumers did not come to rest")
    for _, each in self:each(only) do
      local count, err = each.one:step(0.02)
      local rests = not count and err.code == "no_change" and each.one:stats().connected
      since = rests and since or core.now()
    end
  end
end

--- Some rows more, which they all have.
function copiers:have(log, count, only)
  logs.add_items(log, count)
  self:settle(only)
  self.naive = math.max(self.naive, log:max_seq())
end

--- Some rows more, at whose handling the one named "died" ends.
function copiers:die(log, count)
  local died
  for _, each in self:each("^died$") do died = each end
  died.seen.dies = true
  logs.add_items(log, count)
  died.one:step(0.5)
  died.seen.dies = false
end

local function is_there(each) return each.name == "memory" or each.name == "table" end

--- Those that are not there end, in order if they are not at work.
function copiers:leave()
  for _, each in ipairs(self.all) do
    if each.name ~= "gone" and not is_there(each) then
      each.one:close()
      support.note("%s was left at %s", each.name, each.options.position.load(nil, each.name))
    end
  end
end

--- Begins one of them again, with this conninfo.
function copiers:again(each, conninfo)
  each.one:close()
  each.options.conninfo = conninfo
  each.one, each.seen = self.pair:copier(each.name, each.options, each.seen)
end

--- They come back, all of them to this server if one is given.
function copiers:come_back(server, only)
  for _, each in self:each(only) do
    if server then self:again(each, self.pair:on(server))
    elseif not is_there(each) then self:again(each, self.pair.both) end
  end
end

--- Settles them, and checks what became of them: `reason` is what they are told; nil: nothing, they
-- go on.
function copiers:expect(log, name, reason, only)
  local written = must(log, "SELECT count(*) AS n FROM item")[1].n
  self:settle(only)
  for _, each in self:each(only) do
    local wrong, seen = self.pair:wrong(each.seen.copy, log), {}
    for _, seq in ipairs(each.seen.seqs) do seen[seq] = (seen[seq] or 0) + 1 end
    local twice = 0
    for _, times in pairs(seen) do twice = twice + times - 1 end
    support.note("%s, %s: %d rows, %d changes handed out, twice %d, resyncs %s, rows wrong %d",
      name, each.name, written, #each.seen.seqs, twice, table.concat(each.seen.resyncs, ", "),
      wrong)
    assert.same({ { reason }, 0 }, { each.seen.resyncs, wrong })
    assert.is_true(written > 0 and #each.seen.seqs > 0)
    for i in ipairs(each.seen.resyncs) do each.seen.resyncs[i] = nil end
  end
end

--- A program that knows only the seq of the last change that it had loses what was written since a
-- time by the server's clock: checks that there is something.
function copiers:loses(log, since, name)
  local missed = must(log, [[SELECT count(*) AS n FROM forge_change_log
    WHERE seq <= $1 AND created_at > to_timestamp($2)]], self.naive, since)[1].n
  support.note("%s: whoever looks at seqs alone loses %d changes", name, missed)
  assert.is_true(missed > 0)
end

function copiers:stop() self.pair:stop() end

return copiers
