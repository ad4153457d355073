--- Where a consumer keeps its position between two lives: the stores that there are, and the
-- contract of a store (`Store`).
-- @module forgelog.store

local store = {}

--- Keeps the position in this program's memory.
-- @function memory
-- @as `forgelog.store.memory.memory`
store.memory = require "forgelog.store.memory"

--- Keeps it in a file.
-- @function file
-- @as `forgelog.store.file.file`
store.file = require "forgelog.store.file"

--- Keeps it in the database, beside the log.
-- @function table
-- @as `forgelog.store.table.table`
store.table = require "forgelog.store.table"

--- Keeps it in a lua_shared_dict of OpenResty.
-- @function shared
-- @as `forgelog.store.shared.shared`
function store.shared(...) return require("forgelog.store.shared")(...) end

return store
