--- Running statements that only read without having them compiled to machine code. PostgreSQL
-- decides on that by a plan's estimate, which for a statement about the catalog is often a thousand
-- times too high; compiling then takes half a second where running takes some milliseconds.
-- @module forgelog.connection.uncompiled
local under = require "forgelog.connection.under"

local OFF = "SELECT pg_catalog.set_config('jit', 'off', true)"

--- A connection for statements that only read; the session's own setting stays as it is.
-- @param conn the connection
-- @return a view of it, whose `query`, `run` and `run_in` have nothing compiled
-- @function uncompiled
return function(conn) return under(conn, OFF) end
