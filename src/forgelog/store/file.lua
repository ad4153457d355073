--- Keeps a consumer's position in a file: written aside, synced and renamed, so that it is never
-- half a position.
-- @module forgelog.store.file
local core = require "forgelog.core"

local ENOENT = 2

--- Makes a store for a consumer, in a file: see `forgelog.store`.
-- @function file
-- @string path the file; its folder must exist
-- @treturn forgelog.store.Store
return function(path)
  local function failure(why)
    return nil, core.error("query", ("position file %s: %s"):format(path, why), nil,
      { code = "position_file" })
  end
  return {
    load = function()
      local file, why, code = io.open(path, "r")
      if not file then
        if code == ENOENT then return nil end -- nothing was saved yet
        return failure(why)
      end
      local text
      text, why = file:read("*a")
      file:close()
      if not text then return failure(why) end -- a folder opens, but cannot be read
      text = text:gsub("%s+$", "")
      local timeline, wrong = core.parse_position(text)
      if not timeline then return failure("what it holds is no position: " .. wrong) end
      return text
    end,
    save = function(_, _, position)
      local done, why = core.save(path, position)
      if not done then return failure(why) end
      return true
    end,
  }
end
