--- Where a consumer keeps its position between two lives. A store is a table of two functions:
-- `load(log, name)` returns the position saved last (nil: none), or nil and an error;
-- `save(log, name, position, last)` returns true, or nil and an error; `last` is what was loaded or saved before.
-- @module forgelog.store
local core = require "forgelog.core"
local drive = require "forgelog.drive"

local store = {}

--- Keeps it in this program's memory: for caches that start empty anyway.
function store.memory()
  local saved
  return {
    load = function() return saved end,
    save = function(_, _, position)
      saved = position
      return true
    end,
  }
end

--- Keeps it in a file: written aside, synced, renamed, so that it is never half a position.
-- @string path the file; its folder must exist
function store.file(path)
  local function failure(why)
    return nil, core.error("query", ("position file %s: %s"):format(path, why))
  end
  return {
    load = function()
      local file, why, code = io.open(path, "r")
      if not file then
        if code == 2 then return nil end -- ENOENT: nothing was saved yet
        return failure(why)
      end
      local text
      text, why = file:read("*a")
      file:close()
      if not text then return failure(why) end -- a folder opens, but cannot be read
      text = text:gsub("%s+$", "")
      local wrong = core.position(text)
      if wrong then return failure("what it holds is no position: " .. wrong) end
      return text
    end,
    save = function(_, _, position)
      local done, why = core.save(path, position)
      if not done then return failure(why) end
      return true
    end,
  }
end

--- Keeps it in the table forge_change_log_consumers beside the log; with the consumer's `transaction = true` it commits
-- together with what the handler writes, so that each change takes effect exactly once.
function store.table()
  return {
    load = function(log, name)
      local ok, err = drive.run(log, "begin", "load", name)
      if not ok then return nil, err end
      local row = log._core:rows()[1]
      return row and row.position
    end,
    save = function(log, name, position, last)
      local ok, why = drive.run(log, "begin", "save", name, position, last)
      if not ok then return nil, why end
      local _, saved = log._core:rows()
      if saved == 1 then return true end
      local err = core.error("query", ("the position of consumer %s was moved by another of that name"):format(name))
      err.moved, err.retryable = true, true -- loaded again, it is right
      return nil, err
    end,
    transactional = true,
  }
end

return store
