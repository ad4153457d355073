---@meta forgelog

---Where to go on in the log. With 0 whatever the log still holds is wanted, and nothing before it
---counts as gone.
---@alias forgelog.Position
---| string # text: what `position` of a log, a feed or a store gives; it detects a failover
---| integer # seq: of the change that was handled last; on a Lua without integers, one above 2^53 is given as text

---What a change in the log says of a row, or of a table.
---@alias forgelog.LoggedOp
---| "INSERT" # a row was added
---| "UPDATE" # at least one column of a row has another value
---| "DELETE" # a row was removed
---| "TRUNCATE" # the table was emptied
---| "RELOAD" # what has happened to the table could not be logged row by row: read it anew
---| "BROADCAST" # what programs tell each other through the log: see `forgelog.cache.ipc`

---What a change says.
---@alias forgelog.Op
---| forgelog.LoggedOp # logged: what the log has
---| "READ" # the row was read, not changed: by `Log:rows`, or by a backfill

---What kind of failure it is.
---@alias forgelog.ErrorKind
---| "connect" # no connection could be made
---| "lost" # the connection went away
---| "timeout" # it took longer than the caller allowed, or nothing came in that time
---| "query" # the server refused a statement
---| "gap" # the log cannot give everything after a position: resync
---| "schema" # the database is not set up as it has to be
---| "closed" # the log, or the feed, was closed by its owner

---Which error it is, of its kind. A kind without codes says it all; new codes may come.
---@alias forgelog.ErrorCode
---| "no_log" # there is no change log where it is looked for
---| "not_a_log" # a table of that name lacks columns of a log
---| "no_schema" # there is no such schema, or none in the search path
---| "no_state" # a table of the log has lost its row: install
---| "no_sequence" # no sequence gives the log its seqs
---| "sequence_steps" # that sequence has CACHE or INCREMENT other than 1
---| "sequence_behind" # that sequence is behind the seqs in the log: install
---| "subscriber" # a subscription writes the log: read it on the other server
---| "repeatable_read" # in such a transaction new changes cannot be seen
---| "standby_transaction" # the same of a transaction on a hot standby
---| "standby" # it needs the primary, and this server is a hot standby
---| "row_security" # row level security may hide rows from this role
---| "unknown_writers" # writers stay open that this connection has not seen begin
---| "no_times" # the log does not say when its changes were written
---| "busy" # another statement is under way on this connection
---| "in_transaction" # a transaction is open, and nobody else sees what was written in it
---| "trimmed" # a gap: changes were deleted
---| "reset" # a gap: the log was restored or recreated
---| "failover" # a gap: this server may lack something
---| "not_a_table" # it is a view, or something else that is no table
---| "covered" # it is a partition of a watched table, and takes no options of its own
---| "created_at_type" # a column of the log has another type than it has to have
---| "column_type" # columns of the log's names have other types
---| "column_not_null" # the log has a column that must not be empty and that nothing fills
---| "may_not_create" # this role may not create objects in the schema
---| "not_owner" # this role does not own the log
---| "foreign_object" # objects of the log's names belong to another role
---| "open_schema" # others may create objects in the schema
---| "owner_role" # the role that is to own the capture functions may do more than write the log
---| "missing_right" # this role lacks a right
---| "locked" # somebody holds a lock for longer than it was waited for
---| "no_functions" # the log has no capture functions of this version: install
---| "no_table" # there is no such table
---| "not_watched" # the table is not watched, and the log has no change of it
---| "no_column" # the table has no such column
---| "catalog" # a table of the system cannot be watched
---| "own_table" # a table of the log cannot be watched
---| "position_file" # the command: another program works with that position file
---| "temporary" # a temporary table cannot be watched
---| "unlogged" # a crash empties the table without a change in the log
---| "other_log" # another log, in another schema, has the table's changes: unwatch it there first
---| "by_hand" # the table has a trigger already, and would be logged twice
---| "unsafe_key" # the table's key has no order, or checks that would run with this role's rights
---| "bad_key" # it is no key of the table
---| "key_changed" # the table has another primary key by now
---| "altered" # the table is altered again and again
---| "no_change" # no change came in time
---| "not_connected" # there was no connection in time
---| "no_answer" # the time was over while the server owed an answer
---| "unfinished" # the same: the next call goes on with it
---| "retry" # the next try is not due
---| "paused" # the consumer is paused
---| "handler_failed" # a function of yours has raised
---| "not_loaded" # the store has raised, and the position was not loaded
---| "not_saved" # the position was not saved; the work is done
---| "not_parked" # a change was to be parked, and could not be
---| "superseded" # another consumer of the name has saved meanwhile
---| "name_taken" # another consumer of the name runs
---| "lanes" # the consumer has another number of lanes
---| "lanes_changed" # its number of lanes was changed meanwhile
---| "no_leases" # the log has no place for leases, or this role may not write it
---| "no_consumer" # no consumer of that name has saved a position here
---| "no_consumers" # the log has no table of consumers: install
---| "no_position" # what the consumer has saved is no position
---| "behind" # the consumer has not caught up in time; or this server is behind a position
---| "no_parked" # nothing is parked by that name or seq
---| "no_parked_table" # the log has no table of parked changes: install
---| "no_backfill" # the consumer is not reading that table
---| "no_backfills" # the log has no table of backfills: install; or this role may not use it

---Why a consumer must resync.
---@alias forgelog.GapReason
---| "trimmed" # changes were deleted that it has not had
---| "reset" # the position is ahead of anything the log ever gave, or a change that it has had is not in this log: a restored or recreated one
---| "failover" # it comes from another timeline, and this server may lack something that it has had

---To which database: libpq takes what is missing from the environment (PG*, service, .pgpass).
---@alias forgelog.Conninfo
---| string # text: a libpq string, or a URI
---| {[string]:any} # keywords: libpq's keywords and their values, as texts or numbers

---What a failover is to a feed.
---@alias forgelog.Failover
---| "continue" # where the new primary has all that the work can have seen, the feed goes on
---| "gap" # each is a gap: for a program that reads rows at other times than it is handed changes, as a cache does

---Why a trim has ended early.
---@alias forgelog.TrimEnd
---| "busy" # another session trims, or began to before this one was done
---| "stopped" # `on_batch` returned false

---A log on a connection: what `forgelog.connect` returns.
---@class forgelog.Log
---for stores and other extensions
---@field connection forgelog.connection.Connection
---the name given to connect
---@field schema? string
local Log = {}

---A change, or a row that was read (op "READ"): what a consumer's handler gets, and `Log:rows`
---gives. In a log of version 1.0, or of another program, the fields after `op` may be missing.
---@class forgelog.AnyChange
---its number; nil for what was read, and for what a backfill says
---@field seq? integer
---the table, bare where it is in the log's schema, else `schema.table`
---@field table_name string
---what has happened
---@field op forgelog.Op
---the primary key as text; of several columns, a JSON array (see `key`). nil for TRUNCATE, for
---RELOAD, and without a primary key: read the whole table then
---@field row_id? string
---of an UPDATE the columns that differ, separated by commas
---@field changed_cols? string
---when it was written: Unix seconds, with microseconds
---@field created_at? number
---the writing transaction
---@field txid? integer
---what that said by `SET LOCAL forgelog.context`
---@field context? string
---kept values before it, by column name; a NULL is absent. nil: none are kept, or there was no row
---@field old? {[string]:string}
---the same after it
---@field new? {[string]:string}
---columns whose values were too long to be kept
---@field omitted? string[]
---number of columns of a key that has several
---@field key_cols? integer

---A change in the log: what `Log:drain` and a feed hand out.
---@class forgelog.Change: forgelog.AnyChange
---its number: unique, in the order of writing, not of commit
---@field seq integer

---An error: what is returned after nil, and what iterators raise. `tostring` makes one line of it.
---@class forgelog.Error
---what kind of failure it is
---@field kind forgelog.ErrorKind
---what is wrong, and what to do
---@field message string
---whether the same may succeed later
---@field retryable boolean
---the server's code, where it is the server's error
---@field sqlstate? string
---which one of its kind
---@field code? forgelog.ErrorCode
---the method of a log that mends it, such as "install"
---@field remedy? string
---with a remedy: the message without the sentence about that
---@field cause? string
---with a remedy: that sentence, where it is not the usual one
---@field hint? string
---of a gap
---@field reason? forgelog.GapReason
---of a gap: the seq up to which changes are gone
---@field upto? integer
---of a trim that failed: the number of changes deleted before
---@field deleted? integer
---of a wait: why there is no connection, or why it is to be tried again
---@field last_error? forgelog.Error
---of "handler_failed": what the function raised
---@field raised? any
---of "handler_failed": of the first change of the batch
---@field first_seq? integer
---of the last one
---@field last_seq? integer
---how many there were
---@field changes? integer
---of "name_taken": the session of the other consumer, where it is known
---@field pid? integer
---the same in words
---@field who? string
---of "behind": who has not caught up
---@field behind? forgelog.Behind[]
---of "no_table" and "not_watched": the name that means nothing
---@field table? string
---of "no_column": likewise
---@field column? string
---of "no_column" when a table is watched: "keep" or "ignore"
---@field option? string
---of "no_table", "no_column" and "no_consumer": the most similar name that there is
---@field closest? string
---of "lanes": how many the consumer has
---@field lanes? integer

---Who has not caught up.
---@class forgelog.Behind
---of the consumer, or of its lane
---@field name string
---how many it has not had; nil: it has saved no position
---@field changes? integer
---a table that it has still to read
---@field reading? string

---How to connect.
---@class forgelog.ConnectOptions
---where the log is; default: found by the search path
---@field schema? string
---how to wait: a name, or a waiter, also one of your own; default: "openresty" inside nginx, else
---"poll"
---@field wait? forgelog.wait.Name|forgelog.wait.Waiter
---seconds for each operation, connecting among them; default: none, and libpq's option
---connect_timeout for each host
---@field timeout? number

---Which changes are wanted; all options that are given have to be met.
---@class forgelog.Filter
---names as for `watch`, or as in table_name; one that is neither a watched table's nor in the log is
---an error of kind "schema", code "no_table" or "not_watched"
---@field tables? string[]
---table_names that stand for no table: rows that programs write to the log themselves; with
---`tables`, these too
---@field channels? string[]
---what they say
---@field ops? forgelog.LoggedOp[]
---names: of the UPDATEs only those that changed one of these, and all else
---@field columns? string[]
---row_ids: only changes of these rows, and each TRUNCATE and RELOAD
---@field keys? string[]

---Options of `Log:drain`.
---@class forgelog.DrainOptions: forgelog.Filter
---most changes; default: all
---@field limit? integer
---seconds to wait for writers that this connection sees for the first time; then it gives what is
---known to be settled, perhaps nothing (default: 5)
---@field settle? number

---Options of every feed.
---@class forgelog.FeedOptions: forgelog.Filter
---seconds between two looks while nothing wakes it (default: 1)
---@field poll? number
---seconds to gather changes after waking (default: 0)
---@field linger? number
---false behind a transaction-mode pooler: it polls only, and takes no session lock (default: true)
---@field listen? boolean
---seconds after which a server that does not answer counts as gone; where `timeout` was given to
---connect, that is the default (default: 15)
---@field silence? number
---seconds before the first attempt to reconnect (default: 0.1)
---@field backoff? number
---seconds before the latest one (default: 10)
---@field backoff_max? number

---Options of `Log:follow`.
---@class forgelog.FollowOptions: forgelog.FeedOptions
---true: only what is settled, in ascending seq as `Log:drain` does; a writer that stays open then
---holds up all above it (default: false)
---@field settled? boolean
---what a failover is (default: continue)
---@field failover? forgelog.Failover
---called with each error that it goes on after, and the number of the attempt
---@field on_error? fun(err:forgelog.Error,attempt:integer)

---Options of `Log:position`.
---@class forgelog.PositionOptions
---Unix seconds by the server's clock: the position of that time; default: of the present
---@field at? number
---seconds to wait for writers that this connection sees for the first time (default: 5)
---@field settle? number

---A transaction that has written to the log and is still open.
---@class forgelog.Writer
---nil for a prepared transaction
---@field pid? integer
---Unix seconds; nil without the right to know (pg_read_all_stats)
---@field since? number
---such as "idle in transaction"; nil as `since`
---@field state? string
---of its session
---@field application_name? string
---the role
---@field usename? string
---as in pg_locks
---@field virtualtransaction string
---the name of a prepared transaction
---@field prepared? string

---Options of `Log:trim`.
---@class forgelog.TrimOptions
---newest rows kept, whatever their age (default: 1000)
---@field min_rows? integer
---most rows deleted by one transaction (default: 10000)
---@field batch? integer
---true: what a consumer of the table store has not behind it stays (default: false)
---@field keep_consumers? boolean
---true: only tells what would be deleted (default: false)
---@field dry_run? boolean
---called after each batch that deleted any, with the number deleted so far, and the smallest and the
---largest seq among them; false ends the trim
---@field on_batch? fun(deleted:integer,first:integer,last:integer):any

---Closes the connection; closing twice is no error.
function Log:close() end

---The same log, on the same connection, with another time limit for each statement.
---@param seconds? number nil: none
---@return forgelog.Log
function Log:limited(seconds) end

---Runs any SQL with $1.. parameters: nil, booleans, numbers, strings. Without parameters it may be
---several statements, of which the last one's rows are returned. COPY to or from the client is
---refused.
---@param text string the statement
---@param ... boolean|number|string|nil its parameters
---@return {[string]:any}[]? # rows, by column (integers, floats and booleans as Lua values, NULL as nil, all else as text; on a Lua without integers also what is beyond 2^53)
---@return integer|forgelog.Error|nil # the number of rows that were written, where the command tells; or an error
function Log:query(text, ...) end

---Iterates over everything settled after a position, in ascending seq. `change.seq` of the last
---one is a safe cursor. The first step looks, and raises kind "gap" when the log cannot give all
---after `since`; so does any later one that a trim has overtaken. Any other failure is raised
---likewise. The connection may be used inside the loop.
---@param since? forgelog.Position nil: the beginning
---@param opts? forgelog.DrainOptions
---@return fun():forgelog.Change|nil # an iterator
function Log:drain(since, opts) end

---The position to go on from after a resync that begins now: take it first, then read the tables,
---then save it. Or the position of a time: just before the first change, in the order of the seqs,
---that was written at or after it; where none was, the present one.
---@param opts? forgelog.PositionOptions
---@return string? # the position
---@return "trimmed"|forgelog.Error|nil # with `at`: changes since then may have been deleted; or an error: kind "timeout" where a writer stays open that this connection has not seen begin
---@return integer? # then: the seq up to which changes are gone
---@return number? # then: the Unix time of the first one that is there (nil: there is none)
function Log:position(opts) end

---Follows the log: hands out every committed change as soon as it is visible, reconnecting as
---often as it takes.
---@param since? forgelog.Position nil: the beginning
---@param opts? forgelog.FollowOptions
---@return forgelog.feed.Feed
function Log:follow(since, opts) end

---The smallest seq in the log.
---@return integer? # the seq; nil: the log is empty
---@return forgelog.Error
function Log:min_seq() end

---The largest seq in the log. No place to go on from: lower ones may still be committed. See
---`position`.
---@return integer? # the seq; nil: the log is empty
---@return forgelog.Error
function Log:max_seq() end

---Whether retention has passed a position by, so that its owner must resync.
---@param since? forgelog.Position what was saved
---@return false|forgelog.GapReason|nil # false: it has not
---@return integer|forgelog.Error|nil # with a reason: the seq up to which changes are gone; for "reset" and "failover" the highest one ever given; or an error
function Log:gap(since) end

---The highest seq such that nothing at or below it can still appear, as far as this connection
---knows: a new one that finds writers open knows nothing yet and says 0.
---@return integer? # the horizon
---@return forgelog.Writer[]|forgelog.Error # the open writers, oldest first; or an error
function Log:horizon() end

---Deletes changes older than a point in time, in the order of their seqs up to the first one that
---is not older, in short transactions, one trimmer in the cluster at a time. A change whose time is
---still to come goes with the older one behind it.
---@param before number Unix seconds, by the server's clock
---@param opts? forgelog.TrimOptions
---@return integer? # the number of changes deleted
---@return forgelog.TrimEnd|forgelog.Error|nil # why it ended early; or an error: its `deleted` tells how many were deleted before
function Log:trim(before, opts) end

---For event loops that wait on objects, as cqueues does: the socket (it may change while
---connecting) ...
---@return integer? # nil: there is none
function Log:pollfd() end

---... what it is waited on for ...
---@return string # "r", "w" or "rw"
function Log:events() end

---... and for how long: as long as it takes. (The time an operation may take is an option of
---`connect`.)
---@return nil
function Log:timeout() end

---Creates the log and what belongs to it, or adds what is missing and upgrades what is older, in
---one transaction; then it makes the functions of watched tables anew, table by table, where they
---are of an older program, or the table was altered. Functions of the same names that are not
---forgelog's stay as they are. Where nothing is to be done, nothing is locked.
---@param opts? forgelog.install.Options
---@return true?
---@return boolean|forgelog.Error # whether anything was changed; or an error: its `code` says what stands in the way
---@return forgelog.Error[]? # where there are watched tables whose functions could not be made anew: why (their changes are logged all the same, only slower)
function Log:install(opts) end

---Which parts of the log are in the database. Changes nothing.
---@param opts? forgelog.install.InstalledOptions
---@return forgelog.install.Installed?
---@return forgelog.Error
function Log:installed(opts) end

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
---@param name string a table as SQL names it (`orders`, `sales.orders`, `"Odd Name"`), or its exact name; a bare name is looked for in the log's schema first
---@param opts? forgelog.tables.Options
---@return true?
---@return boolean|forgelog.Error # whether anything was changed; or an error: its `code` says why the table cannot be watched ("locked": by whom, in the message; it is left as it was)
function Log:watch(name, opts) end

---Ends that. A table that is not watched is no error.
---@param name string the table, as for `watch`
---@return true?
---@return boolean|forgelog.Error # whether anything was removed; or an error
function Log:unwatch(name) end

---Writes a change with op "RELOAD" to the log, which says "read this table anew", for what no
---trigger can capture: a partition attached or detached with rows in it or dropped, a column
---computed anew, rows restored while triggers were off. Of a partition it names the watched table
---above it.
---@param name string the table, as for `watch`
---@return integer? # the seq of the change
---@return forgelog.Error # code "not_a_table" (a view), "catalog", "missing_right", and others
function Log:touch(name) end

---The tables that are watched.
---@return string[]? # their names as in `table_name`, sorted
---@return {[string]:forgelog.tables.Watched}|forgelog.Error # by its name: how each is watched, and what is wrong; or an error
function Log:watched() end

---Iterates over the rows of a table in the order of its primary key, in short statements. A row
---that is there all the time comes exactly once, whatever is written, unless its key changes; one
---that is inserted or deleted meanwhile may come or not. So begin to follow the log before, at
---`log:position()`. The first step looks for the table; errors are raised. The connection may be
---used inside the loop, also for a transaction, and no snapshot is held while your code runs. A
---table without a primary key is read whole: it gives one change without `row_id`. Of tables linked
---by inheritance, as in the log, only the rows of the named one come.
---@param name string the table, as SQL or the log has it; it need not be watched
---@param opts? forgelog.rows.Options
---@return fun():forgelog.AnyChange|nil # an iterator of changes: `op` ("READ"), `table_name`, `row_id` and `key_cols` as changes of that row have them, `created_at` (when it was read), with `keep` also `new` and `omitted`; no `seq`
function Log:rows(name, opts) end

---How the log is doing. It reads little of the log, whatever that holds, and waits for short
---writers only.
---@param opts? forgelog.status.Options
---@return forgelog.status.Status?
---@return forgelog.Error
function Log:status(opts) end

---Waits until a consumer of the table store, in all its lanes, has had all that was committed
---before the call, and has read the tables that it was to read from end to end; those that are
---paused are left out. What it does not follow counts when it has saved that it is past it, seconds
---later.
---@param name string of the consumer
---@param timeout? number seconds; nil: as long as it takes
---@return true?
---@return forgelog.Error # kind "timeout", code "behind" (its `behind` says who is), kind "gap" where the consumer must resync, kind "schema", code "no_consumer" where none of that name has saved a position here
function Log:caught_up(name, timeout) end

---Looks for all that makes the promise fail or the feed slow. Changes nothing. Not for use inside
---a transaction, which a check that may not read something would abort.
---@param opts? forgelog.doctor.Options
---@return forgelog.doctor.Finding[]? # one or more for each check made
---@return forgelog.Error # where nothing can be said, such as when the connection is lost
function Log:diagnose(opts) end

---A durable change feed from PostgreSQL that loses nothing. Failures at run time return nil and an
---error table (`message`, `kind`, `sqlstate`, `retryable`); iterators, and any method of a closed
---log, raise that table; misuse raises a message.
---
---Where a function takes `since`: a seq, a position's text, or nil for the beginning. With nil or 0
---whatever the log still holds is wanted, and nothing before it counts as gone; the text "1:0" is a
---place like any other.
---@class forgelog
---The version of this library.
---@field _VERSION string
local forgelog = {}

---The primary key of a change's row as a list of texts, exactly.
---@param change forgelog.AnyChange as drained or followed, also where it went through JSON since
---@return string[]? # a text for each column of the primary key; nil where the change has no `row_id`
function forgelog.key(change) end

---Connects to a database.
---@param conninfo? forgelog.Conninfo nil: the one of the environment, as libpq has it
---@param opts? forgelog.ConnectOptions
---@return forgelog.Log?
---@return forgelog.Error # kind "connect" or "timeout"
function forgelog.connect(conninfo, opts) end

return forgelog
