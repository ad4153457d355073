--- A document run block by block from its first to its last, as a reader would do it: shell, SQL
-- and Lua on one empty database. The output shown beneath a block is compared with what the block
-- prints. A block in an unknown language fails.
-- @module support.reader
local assert = require "luassert"
local busted = require "busted"
local docs = require "support.docs"
local process = require "support.process"
local support = require "support"

local reader = {}

-- What the smaller pieces use without saying so.
local PRELUDE = [[
local forgelog = require "forgelog"
local log = assert(forgelog.connect())
local position = tonumber(arg[1])
local function handle(change) print("handled " .. change.seq) end
local function reload() print("reloaded") end
]]

-- Blocks that end only when they are told to.
local ENDLESS = { "follow --since now", ":run()", "while true", "loop:loop()", "uv.run()" }

local UNBUFFERED = "io.stdout:setvbuf('line')\n" -- as on a terminal

local BELL = [[SELECT count(*) FROM pg_locks
 WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 1
  AND classid::int8 << 32 | objid::int8 = 77306496745662
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]]

local function of_any(text, parts)
  for _, part in ipairs(parts) do
    if text:find(part, 1, true) then return true end
  end
  return false
end

local Reader = {}
Reader.__index = Reader

-- Ends the program that runs until it is told to.
function Reader:stop()
  if not self.running then return end
  self.running:kill("INT")
  local _, output
  _, output, self.errors = self.running:wait()
  self.running = nil
  return output
end

function Reader:sleeps()
  support.wait_until(function() return support.psql(BELL, self.db) == "1" end,
    "a follower to sleep", 20)
end

-- Starts a program that follows the log, and waits until it sleeps: then a change wakes it.
function Reader:begin(words)
  self:stop()
  self.running = support.start(words)
  self:sleeps()
end

-- It is ended while it sleeps: an interrupt that arrives while it saves its position is an error
-- of the store, after which a consumer goes on.
function Reader:finish(wanted)
  support.wait_until(function() return docs.plain(self.running:output()) == wanted end, wanted, 10)
  self:sleeps()
  self.said = self:stop()
end

function Reader:sh(text)
  if of_any(text, ENDLESS) then
    return self:begin("exec bash " .. process.quote(process.file(docs.script(self.db, text))))
  end
  local output = docs.sh(self.db, "exec 2>&1\n" .. text)
  if not self.running then self.said = output end
end

function Reader:sql(text) support.psql(text, self.db) end

function Reader:lua(text)
  local position = self.positions[1]
  for part, at in pairs(self.positions) do
    if type(part) == "string" and text:find(part, 1, true) then position = at end
  end
  local has_log = text:find("log = assert", 1, true) or not text:find("log:", 1, true)
  local before = has_log and "" or PRELUDE
  if of_any(text, ENDLESS) then
    return self:begin("exec " .. docs.program(self.db, UNBUFFERED .. before .. text, position))
  end
  if text:find("[\n ]position = ") then text = text .. "\nassert(position)" end
  self.said = docs.lua(self.db, text, before, position)
end

-- Compared with what the block before it has printed.
function Reader:text(text)
  local wanted = docs.plain(text)
  if self.running then return self:finish(wanted) end
  if self.errors and wanted:find("^forgelog: ") then self.said, self.errors = self.errors, nil end
  assert.equal(wanted, docs.plain(self.said))
end

local LANGUAGES = { sh = true, sql = true, lua = true, text = true }

function Reader:read(page, block)
  for part, work in pairs(self.special) do
    if block.language ~= "text" and block.text:find(part, 1, true) then
      self.said = work(block.text, self.db) or self.said
      return
    end
  end
  assert(LANGUAGES[block.language],
    ("%s:%d: no block of this kind is known here"):format(page, block.line))
  self[block.language](self, block.text)
end

--- Declares a spec for each block of a document.
-- @string name of the document, as specs tell it
-- @string page its file
-- @tparam[opt] table positions what `position` is in the pieces that have it: in those with a text
-- in them, by that text; [1] in all others (default: 0)
-- @tparam[opt] table special blocks that need more than to be run, by a text in them: functions of
-- the block's text and the conninfo, which may return what it has printed
function reader.describe(name, page, positions, special)
  busted.describe(name, function()
    local self = setmetatable({ said = "" }, Reader)
    self.positions, self.special = positions or { 0 }, special or {}
    busted.setup(function() self.db = support.database() end)
    busted.teardown(function()
      self:stop()
      support.drop(self.db)
    end)

    for _, block in ipairs(docs.blocks(page)) do
      busted.it(("line %d: %s"):format(block.line, block.text:match("[^\n]+")), function()
        self:read(page, block)
      end)
    end
  end)
end

return reader
