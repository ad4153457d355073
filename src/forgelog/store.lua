--- Where a consumer keeps its position between two lives.
--
-- A store is a table of
--
-- - `load(log, name)`: returns the position that was saved last (nil: none was), or nil and an
--   error;
-- - `save(log, name, position, last, claim)`: saves it and returns true, or nil and an error.
--   `last` is the position that was loaded or saved before (nil: none). A store that others may
--   write to as well compares it, and returns an error with the code "superseded" where the stored
--   one is another: the consumer then begins again from what is stored. `claim` is the consumer's
--   claim on its name, for the table store;
-- - `transactional` (optional): true where `save` writes by the given log, so that the position
--   commits together with the handler's work. Such a store must not raise errors;
-- - `conninfo` (optional, of the table store): where `log` is to be connected to instead;
-- - `instance()` (optional): text that differs between two stores which use the same names, such as
--   those of two nginx servers.
--
-- `log` is connected, and its statements have the time limit of the consumer; `name` is the
-- consumer's, nil where it has none. A store may raise errors: they count as returned. A position
-- is text of the log's own; a store must keep it unchanged. A save that fails is tried again, later
-- each time, and on each later connection the position is loaded again.
-- @module forgelog.store

local store = {}

--- Keeps the position in this program's memory: see `forgelog.store.memory`.
store.memory = require "forgelog.store.memory"

--- Keeps it in a file: see `forgelog.store.file`.
store.file = require "forgelog.store.file"

--- Keeps it in the database, beside the log: see `forgelog.store.table`.
store.table = require "forgelog.store.table"

--- Keeps it in a lua_shared_dict of OpenResty: see `forgelog.store.shared`.
function store.shared(name) return require("forgelog.store.shared")(name) end

return store
