--- The tables and words of a connection.
-- @module forgelog.connection

--- A connection to a change log. Views of it (see `Connection:limited`) share everything but their
-- time limit.
-- @table Connection
-- @tfield[opt] string schema as given to connect
-- @tfield forgelog.connection.Life life for loops in which asking `Connection:closed` each time
-- would cost too much

--- Whether a connection lives.
-- @table Life
-- @tfield boolean closed whether its owner has closed it

--- What a connection is made of.
-- @table Settings
-- @tfield string conninfo a text
-- @tfield string name of the log, as SQL
-- @tfield[opt] string schema the one given
-- @tfield forgelog.wait.Waiter waiter what waits
-- @tfield[opt] number timeout seconds for each statement
-- @tfield[opt] number on_demand seconds within which the first statement connects; nil: none does

--- What operations find out.
-- @choice Fact
-- @field schema of the log, quoted for SQL
-- @field has_state install was run
-- @field exact its state tells each change that was deleted
-- @field empty_to up to this seq there is and will be nothing
-- @field smallest seq in the log
-- @field largest seq in the log
-- @field trimmed_to highest seq that was deleted
-- @field last_given seq, by the sequence
-- @field horizon highest seq at or below which nothing can still appear
-- @field high_water highest seq seen by a tick
-- @field ticks how many so far
-- @field writers how many are open
-- @field timeline of the server
-- @field standby whether it is a hot standby
-- @field backend its process id

--- Whether a connection is free.
-- @choice State
-- @field closed there is none
-- @field connecting it is being made
-- @field idle nothing is under way
-- @field busy a statement is under way
