---@meta forgelog.tables

---By which triggers changes are captured.
---@alias forgelog.tables.Level
---| "statement" # for whole statements
---| "row" # for each row: partitioned tables, and those with inheritance

---Options of `watch`.
---@class forgelog.tables.Options
---columns: an UPDATE of nothing else is not logged
---@field ignore? string[]
---columns whose values are logged with each change, as text: `old` and `new` of `forgelog.Change`; a
---value of more than 64 KiB is left out
---@field keep? string[]
---false: never wake followers, for tables written under two-phase commit (default: true)
---@field notify? boolean
---true: also a table that a crash empties without a change in the log (default: false)
---@field unlogged? boolean
---seconds to wait for the table at a time, in which whoever comes after waits too; it tries again
---for ten times as long (default: 1)
---@field lock_timeout? number

---A watched table: how it is watched, and what is wrong with it.
---@class forgelog.tables.Watched
---of the table
---@field schema string
---its name there
---@field table string
---columns: an UPDATE of nothing else is not logged
---@field ignore string[]
---columns whose values are logged
---@field keep string[]
---whether followers are woken
---@field notify boolean
---by which triggers
---@field level forgelog.tables.Level
---columns of the primary key
---@field key string[]
---columns to keep or to ignore that it has no more
---@field gone? string[]
---triggers that are gone or disabled
---@field missing string[]
---true: that goes for the trigger for TRUNCATE of a partition
---@field uncovered? boolean
---triggers that are not as `watch` makes them
---@field altered string[]
---the primary key is another one than at the time of `watch`, so `row_id` is too: read the table
---again
---@field key_changed boolean
---all of it in words
---@field wrong? string
---nothing is wrong; otherwise watch it again
---@field healthy boolean

---Having the changes of tables written to the log. A log has these functions as methods
---(`log:watch("orders")`); here they take its `connection`.
---@class forgelog.tables
local tables = {}

---Has every change of a table logged, whoever makes it, from now on. Calling it again changes the
---options. A plain table gets triggers for whole statements. A partitioned table, and one with
---inheritance, gets a trigger for rows, which partitions made or attached later get too; its
---changes are logged under its own name, wherever the statement was aimed. TRUNCATE of a partition
---is logged as TRUNCATE of the watched table: read it again. For TRUNCATE of a partition that came
---later, and for a table that joined a partitioned or parent table later, call watch again. Of
---tables linked by inheritance each logs its own rows alone: watch each. A partition of a watched
---table is covered by that: it is watched already, and takes no options. Changes applied by
---logical replication, and those under session_replication_role = replica, fire no triggers and
---are not logged.
---@param conn forgelog.connection.Connection the connection
---@param name string a table as SQL names it (`orders`, `sales.orders`, `"Odd Name"`), or its exact name; a bare name is looked for in the log's schema first
---@param opts? forgelog.tables.Options
---@return true?
---@return boolean|forgelog.Error # whether anything was changed; or an error: its `code` says why the table cannot be watched ("locked": by whom, in the message; it is left as it was)
function tables.watch(conn, name, opts) end

---Ends that. A table that is not watched is no error.
---@param conn forgelog.connection.Connection the connection
---@param name string the table, as for `watch`
---@return true?
---@return boolean|forgelog.Error # whether anything was removed; or an error
function tables.unwatch(conn, name) end

---The tables that are watched.
---@param conn forgelog.connection.Connection the connection
---@return string[]? # their names as in `table_name`, sorted
---@return {[string]:forgelog.tables.Watched}|forgelog.Error # by its name: how each is watched, and what is wrong; or an error
function tables.watched(conn) end

---Writes a change with op "RELOAD" to the log, which says "read this table anew", for what no
---trigger can capture: a partition attached or detached with rows in it or dropped, a column
---computed anew, rows restored while triggers were off. Of a partition it names the watched table
---above it.
---@param conn forgelog.connection.Connection the connection
---@param name string the table, as for `watch`
---@return integer? # the seq of the change
---@return forgelog.Error # code "not_a_table" (a view), "catalog", "missing_right", and others
function tables.touch(conn, name) end

return tables
