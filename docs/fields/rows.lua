--- The tables that reading rows takes and gives.
-- @module forgelog.rows

--- Options of `rows`.
-- @table Options
-- @tfield[opt] string|string[] after a `row_id`, or the list of texts that `forgelog.key` gives:
-- rows behind that
-- @tfield[opt=1000] integer chunk rows of a statement
-- @tfield[opt] string[] keep columns whose values are wanted

--- A table whose rows can be read.
-- @table Source
-- @tfield string name in the log; of a partition, that of the watched table above it
-- @tfield integer oid of the table
-- @tfield integer speaker the oid of the table that the log calls so
-- @tfield string quoted its name as SQL
-- @tfield[opt] string[] key the columns of the primary key; nil: it can only be read whole
-- @tfield[opt] string[] types their types as SQL
-- @tfield[opt] string[] keep columns whose values come with each row
