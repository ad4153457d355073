---@meta forgelog.rows

---Options of `rows`.
---@class forgelog.rows.Options
---a `row_id`, or the list of texts that `forgelog.key` gives: rows behind that
---@field after? string|string[]
---rows of a statement (default: 1000)
---@field chunk? integer
---columns whose values are wanted
---@field keep? string[]

---A table whose rows can be read.
---@class forgelog.rows.Source
---in the log; of a partition, that of the watched table above it
---@field name string
---of the table
---@field oid integer
---the oid of the table that the log calls so
---@field speaker integer
---its name as SQL
---@field quoted string
---the columns of the primary key; nil: it can only be read whole
---@field key? string[]
---their types as SQL
---@field types? string[]
---columns whose values come with each row
---@field keep? string[]

---The rows of a table in the order of its primary key, as changes with the op "READ", in short
---statements: for whoever reads a whole table while it is being written. A log has `rows` as a
---method (`log:rows("orders")`); here it takes its `connection`. The others are for programs that
---read a table piece by piece themselves, and keep how far they are.
---@class forgelog.rows
local rows = {}

---Finds a table whose rows shall be read.
---@param conn forgelog.connection.Connection the connection
---@param where string name of the public function, for errors
---@param name string of the table, as SQL or the log has it
---@param keep? string[]|true columns whose values are wanted, or true: those that `watch` keeps
---@param oid? integer of the table, where it is known: then the name is for errors only
---@return forgelog.rows.Source?
---@return forgelog.Error # kind "schema", code "no_table", "not_a_table", "no_column", "row_security" (rows may be hidden from this role), "unsafe_key" (its key has checks that would run with this role's rights, or an index without an order)
function rows.source(conn, where, name, keep, oid) end

---The place of a row in the order of the key.
---@param s forgelog.rows.Source
---@param after string|string[]|nil a row_id, a list of texts such as `forgelog.key` gives, or nil
---@return string[]? # nil for nil
---@return forgelog.Error # code "bad_key"
function rows.key(s, after) end

---The error for what is no key of a table.
---@param s forgelog.rows.Source
---@param after string|string[] as of `key`
---@param sqlstate? string the server's code
---@return forgelog.Error # code "bad_key"
function rows.no_key(s, after, sqlstate) end

---What a table's key is, as text: a key of before is a place in its order as long as this stays
---the same.
---@param s forgelog.rows.Source
---@return string? # nil: the table has none
function rows.order(s) end

---Reads the next rows of a table in one short transaction. A table that was renamed meanwhile, or
---whose columns are others, is read as it is now, and what the source says of it changes.
---@param conn forgelog.connection.Connection the connection; where a transaction is open on it, it reads in that and leaves its settings as they were
---@param s forgelog.rows.Source
---@param after string[]? the key of the last row that was read; nil: from the beginning
---@param most integer rows
---@return forgelog.AnyChange[]? # perhaps none; of a table without a key, one without `row_id`
---@return string[]|forgelog.Error|nil # the key of the last one; of `after` where there is none; or an error: code "key_changed" where the table has another primary key than at the time of `after`
---@return boolean? # whether that was the end of the table
function rows.chunk(conn, s, after, most) end

---Iterates over the rows of a table in the order of its primary key, in short statements. A row
---that is there all the time comes exactly once, whatever is written, unless its key changes; one
---that is inserted or deleted meanwhile may come or not. So begin to follow the log before, at
---`log:position()`. The first step looks for the table; errors are raised. The connection may be
---used inside the loop, also for a transaction, and no snapshot is held while your code runs. A
---table without a primary key is read whole: it gives one change without `row_id`. Of tables linked
---by inheritance, as in the log, only the rows of the named one come.
---@param conn forgelog.connection.Connection the connection
---@param name string the table, as SQL or the log has it; it need not be watched
---@param opts? forgelog.rows.Options
---@return fun():forgelog.AnyChange|nil # an iterator of changes: `op` ("READ"), `table_name`, `row_id` and `key_cols` as changes of that row have them, `created_at` (when it was read), with `keep` also `new` and `omitted`; no `seq`
function rows.rows(conn, name, opts) end

return rows
