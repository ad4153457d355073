---@meta forgelog.connection

---What operations find out.
---@alias forgelog.connection.Fact
---| "schema" # of the log, quoted for SQL
---| "has_state" # install was run
---| "exact" # its state tells each change that was deleted
---| "empty_to" # up to this seq there is and will be nothing
---| "smallest" # seq in the log
---| "largest" # seq in the log
---| "trimmed_to" # highest seq that was deleted
---| "last_given" # seq, by the sequence
---| "horizon" # highest seq at or below which nothing can still appear
---| "high_water" # highest seq seen by a tick
---| "ticks" # how many so far
---| "writers" # how many are open
---| "timeline" # of the server
---| "standby" # whether it is a hot standby
---| "backend" # its process id

---Whether a connection is free.
---@alias forgelog.connection.State
---| "closed" # there is none
---| "connecting" # it is being made
---| "idle" # nothing is under way
---| "busy" # a statement is under way

---A connection to a change log. Views of it (see `Connection:limited`) share everything but their
---time limit.
---@class forgelog.connection.Connection
---as given to connect
---@field schema? string
---for loops in which asking `Connection:closed` each time would cost too much
---@field life forgelog.connection.Life
local Connection = {}

---Whether a connection lives.
---@class forgelog.connection.Life
---whether its owner has closed it
---@field closed boolean

---What a connection is made of.
---@class forgelog.connection.Settings
---a text
---@field conninfo string
---of the log, as SQL
---@field name string
---the one given
---@field schema? string
---what waits
---@field waiter forgelog.wait.Waiter
---seconds for each statement
---@field timeout? number
---seconds within which the first statement connects; nil: none does
---@field on_demand? number

---Another connection with the same settings.
---@param seconds? number longest time for each of its statements
---@return forgelog.connection.Connection?
---@return forgelog.Error # as from `forgelog.connect`
function Connection:sibling(seconds) end

---Connects, or connects again. Readers go on where they were.
---@return true?
---@return forgelog.Error # code "unfinished" where the next call goes on with it
function Connection:reconnect() end

---Closes it; closing twice is no error.
function Connection:close() end

---Whether its owner has closed it.
---@return boolean
function Connection:closed() end

---The error that ended the connection; nil while it stands.
---@return forgelog.Error?
function Connection:lost() end

---Raises where it was closed.
---@param where string the public function that was called
function Connection:must_be_open(where) end

---This connection with another time limit for each statement. Nothing has to be set back: the
---limit goes with the object.
---@param seconds? number nil: none
---@return forgelog.connection.Connection # one that shares everything else with this one
function Connection:limited(seconds) end

---Calls f(conn, ...), where conn is this connection with that time limit for each statement. It
---holds for what f does by that conn, and for nothing else, however f ends.
---@param seconds number? the limit
---@param f fun(conn:forgelog.connection.Connection,...:any):any what to call
---@param ... any further arguments
---@return any # what f returns
function Connection:within(seconds, f, ...) end

---The time limit for each statement in seconds; nil: none.
---@return number?
function Connection:limit() end

---Runs a statement with parameters $1.., or several statements without.
---@param text string the SQL
---@param ... boolean|number|string|nil parameters
---@return {[string]:any}[]? # the rows, by column
---@return integer|forgelog.Error|nil # how many it wrote, where the command says so; or an error
function Connection:query(text, ...) end

---Runs the statement of a file of SQL; it locates the log first where the statement needs its
---schema. Its numerics are numbers: times, whose floats a session may print with few digits.
---@param name string such as "trim.batch", for sql/trim/batch.sql
---@param ... boolean|number|string|nil parameters
---@return {[string]:any}[]? # as of `query`
---@return integer|forgelog.Error|nil # as of `query`; or an error
function Connection:run(name, ...) end

---Finds the log, as it is now.
---@return true?
---@return forgelog.Error # code "no_log" where there is none
function Connection:locate() end

---Asks for the smallest and the largest seq and what was trimmed: see `fact`. The log must have
---been located.
---@return true?
---@return forgelog.Error
function Connection:seqs() end

---One observation of who can still commit a lower seq: see `fact`. The log must have been located.
---@return true?
---@return forgelog.Error
function Connection:tick() end

---One thing that the operations so far have found out.
---@param name forgelog.connection.Fact which one
---@return any # its value; nil where it is not known
function Connection:fact(name) end

---The name of the log's schema, whether there is a log or not: the one given here, or to connect,
---or where the search path finds a log, or the first one of the search path.
---@param given? string a name
---@return string?
---@return forgelog.Error # code "no_schema" where no schema of the search path exists
function Connection:schema_name(given) end

---What libpq made of a connection option; nil where it is not set.
---@param keyword string such as "host"
---@return string?
function Connection:option(keyword) end

---Whether a transaction is open.
---@return boolean
function Connection:in_transaction() end

---Whether it is connected, and free.
---@return forgelog.connection.State
function Connection:state() end

---Whether an operation is begun.
---@return boolean
function Connection:busy() end

---The socket for event loops that wait themselves, which may change while connecting.
---@return integer? # nil: there is none
function Connection:pollfd() end

---What to wait for on it.
---@return string # "r", "w" or "rw"
function Connection:events() end

---Seconds of a clock that never goes back.
---@return number
function Connection:now() end

---Sleeps. What else runs in this program goes on where the waiter lets it.
---@param seconds number
function Connection:sleep(seconds) end

---A connection to a change log, and the only module that touches the core's handle, the waiter,
---the time limit of statements and the loss of the connection. A log has it as its field
---`connection`; a store or another extension of yours may use it.
---@class forgelog.connection
local connection = {}

---A connection that is not made yet: `reconnect` makes it.
---@param settings forgelog.connection.Settings
---@return forgelog.connection.Connection
function connection.new(settings) end

return connection
