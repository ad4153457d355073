--- The recipes of docs/recipes.md, each in a database of its own: a block is run as it stands, with
-- what is another one here put in its place, and killed as often as a spec wants.
-- @module support.recipes
local docs = require "support.docs"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local recipes = {}

local quote = process.quote
local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")
local blocks = docs.blocks("docs/recipes.md")

--- A block of the page.
-- @string language
-- @string part of its text
function recipes.find(language, part) return docs.find(blocks, language, part) end

--- Puts other texts in the place of some, each of which has to be there once.
-- @string text
-- @tparam table others from a text to another one
function recipes.with(text, others)
  for from, to in pairs(others) do
    local times
    text, times = text:gsub(from:gsub("%p", "%%%0"), (to:gsub("%%", "%%%%")))
    assert(times == 1, ("%q is there %d times"):format(from, times))
  end
  return text
end

local Recipe = {}
Recipe.__index = Recipe

--- A database with the tables of the page.
-- @return an object with `db` and `log`, a connection to it
function recipes.new()
  local self = setmetatable({ running = {}, others = {} }, Recipe)
  self.db = support.database()
  docs.sh(self.db, recipes.find("sh", "for table in orders"))
  self.log = logs.connect(self.db)
  return self
end

--- Runs a block of sh to its end.
-- @string part of its text
-- @tparam[opt] table others see `recipes.with`
function Recipe:sh(part, others)
  return docs.sh(self.db, recipes.with(recipes.find("sh", part), others or {}))
end

local function keep(self, command)
  self.running[#self.running + 1] = support.start("exec " .. command)
  return self.running[#self.running]
end

--- Starts a block of sh, which runs a program of this tree until it is killed.
-- @string part of its text
-- @tparam table others see `recipes.with`
-- @string[opt] before what the shell does first
function Recipe:start(part, others, before)
  local text = recipes.with(recipes.find("sh", part), others):gsub("lua5%.4 ", lua .. " ")
  local paths = ("export LUA_PATH=%s LUA_CPATH=%s\n"):format(quote(os.getenv("LUA_PATH")),
    quote(os.getenv("LUA_CPATH")))
  local script = docs.script(self.db, paths .. (before or "") .. "\n" .. text, root)
  return keep(self, "bash " .. quote(process.file(script)))
end

--- Starts a block of Lua.
function Recipe:start_lua(part)
  return keep(self, docs.program(self.db, recipes.find("lua", part)))
end

--- Kills a program with SIGKILL, and waits until it is gone.
function recipes.kill(program)
  program:kill("KILL")
  program:wait()
end

--- Another database, which goes away with this one.
function Recipe:database()
  self.others[#self.others + 1] = support.database()
  return self.others[#self.others]
end

--- The rows of a statement; or the first one's value of a column.
function Recipe:query(sql, ...) return logs.must(self.log, sql, ...) end

--- The number that a statement counts.
function Recipe:count(sql, ...)
  return self:query("SELECT count(*) AS n FROM " .. sql, ...)[1].n
end

--- How many changes of a table the log has.
function Recipe:changes(name) return self:count("forge_change_log WHERE table_name = $1", name) end

--- Waits until a condition holds; raises what the programs have said where it never does.
function Recipe:wait(what, condition, seconds)
  local ok, err = pcall(support.wait_until, condition, what, seconds or 60)
  if ok then return end
  local said = { err }
  for _, program in ipairs(self.running) do said[#said + 1] = program:errors():sub(-500) end
  error(table.concat(said, "\n"), 2)
end

--- Starts writers of one transaction, so many in all, a hundred a second.
function Recipe:write(script, transactions)
  return support.pgbench { conninfo = self.db, clients = 4, args = { "-R", "100" },
    transactions = math.ceil(transactions / 4), script = script }
end

--- Has writers write beside a program, which is killed each time in the middle of what they write.
-- @string script of one transaction
-- @func begin starts the program
-- @func done how much it has done
-- @tparam[opt] table opts `times` that it is killed (3), and the `transactions` each time (80)
-- @return the program, which runs again
function Recipe:kill_often(script, begin, done, opts)
  local program = begin()
  for _ = 1, opts and opts.times or 3 do
    local before = done()
    local load = self:write(script, support.scale(opts and opts.transactions or 80))
    self:wait("some to be done", function() return done() > before + 15 end)
    recipes.kill(program)
    program = begin()
    load:wait()
  end
  return program
end

--- Kills a program in the middle of what it does in the database: where it waits for what a
-- statement has locked.
-- @param program which is at work
-- @string lock the statement
-- @string sql what gives the program something to do
function Recipe:kill_where(program, lock, sql)
  local other = logs.connect(self.db)
  logs.must(other, "BEGIN")
  logs.must(other, lock)
  self:query(sql)
  local waiting
  self:wait("the program to wait", function()
    waiting = self:query("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
      .. " AND datname = current_database()")[1]
    return waiting
  end)
  recipes.kill(program)
  self:query("SELECT pg_terminate_backend($1)", waiting.pid)
  logs.must(other, "ROLLBACK")
  other:close()
end

--- Ends all that it has started.
function Recipe:close()
  for _, program in ipairs(self.running) do
    if program.pipe then recipes.kill(program) end
  end
  self.log:close()
  support.drop(self.db)
  for _, db in ipairs(self.others) do support.drop(db) end
end

return recipes
