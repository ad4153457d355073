--- The C specs that a record has in large: mutated streams and texts, and each allocation failed in
-- turn. Each is a piece of work beside the scenarios.
-- @module soak.fuzz
local process = require "support.process"

local fuzz = {}

-- What a spec prints of itself, and how many of these it makes at scale 1.
local SPECS = {
  { spec = "change", title = "mutated streams", at_once = 3000000, share = 0.6,
    counts = "(%d+) mutated streams" },
  { spec = "mutated", title = "mutated positions and other texts", at_once = 1500000, share = 0.4,
    counts = "(%d+) mutated %a" },
}

-- The scenarios of spec/c/alloc.c, and what the record calls them.
local ALLOCATIONS = {
  { "connect", "to connect" },
  { "query", "`query`" },
  { "drain", "`drain`" },
  { "ranges", "`drain` of some tables, after a position with ranges" },
  { "tick", "`horizon`, `gap` and `max_seq`" },
  { "trim", "`trim`" },
  { "sets", "positions that are put together and taken apart" },
  { "look", "`status`, metrics, `watched`, the position of a time" },
  { "doctor", "`diagnose`" },
  { "rows", "`rows`" },
  { "feed", "a feed" },
  { "file", "a consumer with a file" },
  { "table", "a consumer with `consumer.table()`" },
  { "outside", "`lanes`, `pause`, `resume`, `rewind`, `parked` and `forget`" },
  { "watch", "`watch`, `touch` and `unwatch`" },
  { "install", "`install`" },
}

--- The work of a whole run.
-- @int mutated how many streams and texts
-- @number allocations which share of all allocations fails in turn
function fuzz.planned(mutated, allocations)
  local list = {}
  for _, each in ipairs(SPECS) do
    list[#list + 1] = { title = each.title, counts = each.counts, spec = each.spec, only = "",
      factor = mutated * each.share / each.at_once }
  end
  for _, each in ipairs(ALLOCATIONS) do
    list[#list + 1] = { title = "allocations that fail: " .. each[2], spec = "alloc",
      only = each[1],
      counts = "(%d+) of %d+ allocations", factor = 1000 * allocations }
  end
  return list
end

--- The command that runs one of them.
-- @tparam table one of `planned`
-- @string root the folder of this tree
-- @string path where its output goes
function fuzz.command(one, root, path)
  local with = one.spec == "alloc" and "spec/support/with-postgres " or ""
  return ("cd %s && FORGELOG_SCALE=%f exec %sbuild/%s/spec/%s %s >%s 2>&1"):format(
    process.quote(root), one.factor, with, os.getenv("FORGELOG_LUA_VERSION"), one.spec, one.only,
    process.quote(path))
end

--- What became of one: `count` (of what was tried), `failed` (what the spec complains of, or nil).
-- @tparam table one of `planned`
-- @string text that the spec printed
function fuzz.result(one, text)
  local count = 0
  for n in text:gmatch(one.counts) do count = count + math.tointeger(n) end
  local failed = text:match("not ok [^\n]*")
  if not failed and not text:find("\n1%.%.%d+\n") then failed = "it did not end by itself" end
  if not failed and count == 0 then failed = "nothing happened" end
  return { count = count, failed = failed }
end

return fuzz
