--- Having the changes of tables written to the log. A log has these functions as methods
-- (`log:watch("orders")`); here they take its `connection`.
-- @module forgelog.tables
local attach = require "forgelog.tables.attach"
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local find = require "forgelog.tables.find"
local inspect = require "forgelog.tables.inspect"

local tables = {}

--- Has every change of a table logged, whoever makes it, from now on. Calling it again changes the
-- options. A plain table gets triggers for whole statements. A partitioned table, and one with
-- inheritance, gets a trigger for rows, which partitions made or attached later get too; its
-- changes are logged under its own name, wherever the statement was aimed. TRUNCATE of a partition
-- is logged as TRUNCATE of the watched table: read it again. For TRUNCATE of a partition that came
-- later, and for a table that joined a partitioned or parent table later, call watch again. Of
-- tables linked by inheritance each logs its own rows alone: watch each. A partition of a watched
-- table is covered by that: it is watched already, and takes no options. Changes applied by
-- logical replication, and those under session_replication_role = replica, fire no triggers and
-- are not logged.
-- @tparam forgelog.connection.Connection conn the connection
-- @string name a table as SQL names it (`orders`, `sales.orders`, `"Odd Name"`), or its exact
-- name; a bare name is looked for in the log's schema first
-- @tparam[opt] forgelog.tables.Options opts
-- @treturn true
-- @treturn boolean whether anything was changed
-- @fails its `code` says why the table cannot be watched ("locked": by whom, in the message; it is
-- left as it was)
function tables.watch(conn, name, opts)
  check.argument("watch", "table", name, "string")
  opts = check.options("watch", opts, {
    ignore = "names", keep = "names", notify = "boolean", unlogged = "boolean",
    lock_timeout = "seconds",
  })
  return attach.attach(conn, name, opts)
end

--- Ends that. A table that is not watched is no error.
-- @tparam forgelog.connection.Connection conn the connection
-- @string name the table, as for `watch`
-- @treturn true
-- @treturn boolean whether anything was removed
-- @fails
function tables.unwatch(conn, name)
  check.argument("unwatch", "table", name, "string")
  return attach.detach(conn, name)
end

--- The tables that are watched.
-- @tparam forgelog.connection.Connection conn the connection
-- @treturn string[] their names as in `table_name`, sorted
-- @treturn {[string]:forgelog.tables.Watched} by its name: how each is watched, and what is wrong
-- @fails
function tables.watched(conn) return inspect.watched(conn) end

--- Writes a change with op "RELOAD" to the log, which says "read this table anew", for what no
-- trigger can capture: a partition attached or detached with rows in it or dropped, a column
-- computed anew, rows restored while triggers were off. Of a partition it names the watched table
-- above it.
-- @tparam forgelog.connection.Connection conn the connection
-- @string name the table, as for `watch`
-- @treturn integer the seq of the change
-- @fails code "not_a_table" (a view), "catalog", "missing_right", and others
function tables.touch(conn, name)
  check.argument("touch", "table", name, "string")
  local found, err = find.table(conn, "touch", name)
  local ok, rows
  if found then ok, err = find.admit_touch(found) end
  if ok then rows, err = conn:run("tables.touch", found.oid) end
  if rows then return rows[1].seq end
  if err.sqlstate ~= "42501" then return nil, err end
  local message = "%s; touch needs INSERT on the log, and USAGE on its sequence"
  return nil, core.error("schema", message:format(err.message), err.sqlstate,
    { code = "missing_right" })
end

return tables
