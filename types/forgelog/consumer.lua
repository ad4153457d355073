---@meta forgelog.consumer

---Where a consumer begins that has no saved position.
---@alias forgelog.consumer.Start
---| "resync" # it resyncs
---| "beginning" # with what the log still holds
---| "now" # with what comes from now on

---What a consumer does while another one of its name runs.
---@alias forgelog.consumer.Exclusive
---| "wait" # it waits for the name
---| "refuse" # `run` ends

---What waits behind a parked change.
---@alias forgelog.consumer.Park
---| "key" # later changes of its key
---| "change" # nothing

---Why a consumer resyncs.
---@alias forgelog.consumer.ResyncReason
---| "start" # it has no saved position
---| "trimmed" # changes were deleted that it has not had
---| "reset" # the log was restored or recreated
---| "failover" # the server may lack something that it has had

---A consumer: what `forgelog.consumer.new` returns.
---@class forgelog.consumer.Consumer
local Consumer = {}

---Options of `forgelog.consumer.new`. It has to have `on_changes` or `on_change`.
---@class forgelog.consumer.Options: forgelog.ConnectOptions, forgelog.FollowOptions
---where it connects, as the first argument of `forgelog.connect`; the connection is its own
---@field conninfo? forgelog.Conninfo
---under which it is claimed, and seen in a status: two of one name never run at once. Not empty, nor
---like that of a lane (`name#1/2`); the table store needs one
---@field name? string
---where the position is kept; default: `forgelog.consumer.memory()`
---@field position? forgelog.store.Store
---handles a batch; if it raises, the batch comes again
---@field on_changes? fun(changes:forgelog.AnyChange[],log:forgelog.Log):any
---handles one change, in place of on_changes
---@field on_change? fun(change:forgelog.AnyChange,log:forgelog.Log):any
---how many changes are handled at a time, in an event loop, those of one key in order; needs
---on_change (default: 1)
---@field concurrency? integer
---the text that a change is in order by, with `share`, `concurrency` and `attempts`; nil: it is in
---order with nothing. Default: table and row
---@field key? fun(change:forgelog.AnyChange):string|nil
---reads everything anew: called at a gap, and at the first start where `start` says so
---@field on_resync? fun(reason:forgelog.consumer.ResyncReason,log:forgelog.Log):any
---in place of on_resync: all tables are read from end to end beside the live feed; needs a name
---@field resync? "backfill"
---where it begins that has no saved position; default: "resync" with on_resync or `resync`, else
---"beginning"
---@field start? forgelog.consumer.Start
---most changes at once (default: 1000)
---@field batch? integer
---true: the handler's work and the position commit together; needs the table store (default: false)
---@field transaction? boolean
---what it does while another consumer of this name runs (default: wait)
---@field exclusive? forgelog.consumer.Exclusive
---seconds for which the name is claimed, above 0 (default: 15)
---@field lease? number
---such as "2/4": this program does lane 2 of 4; needs the table store
---@field share? string
---seconds that a new position waits for writers that are open (default: 5)
---@field settle? number
---so often a change may fail before it is parked, and the consumer goes on without it; needs a name.
---Without it, later changes of a key still wait behind those that were parked before
---@field attempts? integer
---what waits behind a parked change; needs attempts (default: key)
---@field park? forgelog.consumer.Park
---called when a change was parked; needs attempts
---@field on_park? fun(change:forgelog.AnyChange,err:forgelog.Error)

---What a consumer has done, and how it stands.
---@class forgelog.consumer.Stats
---changes
---@field handed_out integer
---as it is saved
---@field position? string
---an upper bound of changes not acknowledged: not delivered, or at hand and not saved
---@field lag_changes integer
---age of the oldest of them; during a resync, seconds since it began
---@field lag_seconds number
---seconds since the last moment of which it is known that all committed by then has been handled;
---nil: none yet
---@field caught_up? number
---of its feeds
---@field reconnects integer
---how many it has done
---@field resyncs integer
---whether it is
---@field connected boolean
---the last one
---@field last_error? forgelog.Error
---the table that is read from end to end; nil: none
---@field backfill? forgelog.consumer.Filling

---A table that a consumer is reading from end to end.
---@class forgelog.consumer.Filling
---its name in the log
---@field table string
---read so far
---@field rows integer
---rows that there may be
---@field estimate? integer
---why it rests, while it does after an error
---@field error? string

---A change that is parked, or waits behind one.
---@class forgelog.consumer.Parked
---in the order of parking
---@field id integer
---the key that it is in order by
---@field key string
---of the change; negative for one that was read by a backfill
---@field seq integer
---it waits behind another one of its key, and nobody has tried to handle it, unless an older one has
---come again and was parked before it
---@field waits boolean
---it is to be tried again
---@field retry boolean
---how often it was tried
---@field attempts integer
---the message of the last one
---@field error? string
---Unix seconds
---@field parked_at number
---as it was handed out
---@field change forgelog.AnyChange

---Options of `forgelog.consumer.parked`.
---@class forgelog.consumer.ParkedOptions
---most of them
---@field limit? integer
---the `id` behind which they are wanted
---@field after? integer

---Options of `forgelog.consumer.backfill`, of which one may be given.
---@class forgelog.consumer.BackfillOptions
---a row_id, or a list of texts as of `forgelog.key`: only rows behind that key are read
---@field from? string|string[]
---true: the table is read no further for now; false: it goes on
---@field pause? boolean
---true: it is read no more
---@field cancel? boolean

---What is read.
---@class forgelog.consumer.Backfill
---its name in the log
---@field table string
---rows that there may be
---@field estimate? integer
---it has no primary key, and is one change without a `row_id`
---@field whole? boolean

---One step: until a batch is handled, a resync is done, or the time is over. It connects where it
---has to. After an error another step tries again, later each time; whether it is of use, `passes`
---says.
---@param timeout? number seconds to wait; nil: as long as it takes
---@param most? integer most changes to handle; default: the option `batch`
---@return integer? # the number of changes handled (0 for a resync, or for a position to begin from)
---@return forgelog.Error # code "no_change" or "not_connected" when nothing came in time, "retry" when the next try is not due (`last_error` says why there is one), "handler_failed" (`raised`, `first_seq`, `last_seq`, `changes`), "not_saved" when only the position is to be saved yet, or "name_taken" (`pid`); other errors are those of the connection and of the feed
function Consumer:step(timeout, most) end

---Whether run() would go on after an error of `step`: after whatever befalls a handler or a
---resync, and what passes by itself. It is `err.retryable`.
---@param err forgelog.Error the error
---@return boolean
function Consumer:passes(err) end

---Steps until it is stopped, or until an error that does not pass by itself.
---@return true? # it was stopped
---@return forgelog.Error # such an error
function Consumer:run() end

---Has run() return once the batch at hand is done, or the changes that are being handled; within a
---second when it waits. May be called by a handler.
function Consumer:stop() end

---Whether this program handles the changes of a row; without the option `share` it does all. For
---an `on_resync` that reads the rows of its own lane only.
---@param change table `table_name` and `row_id`, and what the option `key` looks at
---@return boolean
function Consumer:owns(change) end

---Closes the connection; a later step opens it again and goes on from the saved position. Where
---work is done whose position could not be saved yet, it tries that once more, and waits two
---seconds at most for that. Where a handler or `on_resync` calls it, that is done first, and saved.
function Consumer:close() end

---What it has done and how it stands.
---@return forgelog.consumer.Stats
function Consumer:stats() end

---A consumer that runs for months: batches to a handler, positions to a store, a resync whenever
---the log has a gap. At least once: a position is saved after the handler has returned. With
---`store.table()` and `transaction = true` both commit together, and each change takes effect
---exactly once.
---@class forgelog.consumer
local consumer = {}

---Makes a store for a consumer, in memory: see `forgelog.store`.
---@return forgelog.store.Store
function consumer.memory() end

---Makes a store for a consumer, in a file: see `forgelog.store`.
---@param path string the file; its folder must exist
---@return forgelog.store.Store
function consumer.file(path) end

---Makes a store for a consumer, in the database: see `forgelog.store`.
---@param options? forgelog.store.TableOptions
---@return forgelog.store.Store
function consumer.table(options) end

---Makes a store for a consumer, in a lua_shared_dict: see `forgelog.store`.
---@param name string the lua_shared_dict's; one of its own, since in a full one old keys are dropped
---@param evicts? boolean true: to have room for a position, other keys may be dropped too
---@return forgelog.store.Store
function consumer.shared(name, evicts) end

---Removes a consumer from the table store, with all its lanes, and what is parked for it.
---@param log forgelog.Log
---@param name string of the consumer
---@return string|false|nil # the position; false: there was none
---@return forgelog.Error # SQLSTATE 55P03, code "name_taken" while it runs
function consumer.forget(log, name) end

---Moves a consumer of the table store, with all its lanes, to another position, from which it then
---goes on.
---@param log forgelog.Log
---@param name string of the consumer
---@param position forgelog.Position where; 0: where what the log still holds begins
---@return true?
---@return string|forgelog.Error|nil # the position that it had; nil: none; or an error: SQLSTATE 55P03, code "name_taken" while it runs; code "no_consumer" where none of that name has a position here; kind "gap" where changes after that position are gone
function consumer.rewind(log, name, position) end

---Gives a consumer of the table store another number of lanes (see the option `share`), without
---loss: all of them go on from what each lane had done, so that some changes come again.
---@param log forgelog.Log
---@param name string of the consumer
---@param count? integer how many, at most 1024; 1: it has none; nil: only tells how many it has
---@return integer? # how many it had
---@return string|forgelog.Error|nil # the position from which all go on; nil: they begin anew; or an error: SQLSTATE 55P03, code "name_taken" while one of them runs; code "no_consumer" where none of that name has a position here
function consumer.lanes(log, name, count) end

---Has a consumer pause, with all its lanes, until `resume`: within about a second, where it runs,
---and behind the batch at hand; otherwise from its start on.
---@param log forgelog.Log
---@param name string of the consumer
---@return true?
---@return boolean|forgelog.Error # whether it was paused already; or an error: code "no_consumer"
function consumer.pause(log, name) end

---Ends that.
---@param log forgelog.Log
---@param name string of the consumer
---@return true?
---@return boolean|forgelog.Error # whether it was paused; or an error: code "no_consumer"
function consumer.resume(log, name) end

---The parked changes of a consumer, in the order in which they were parked.
---@param log forgelog.Log
---@param name string of the consumer
---@param opts? forgelog.consumer.ParkedOptions
---@return forgelog.consumer.Parked[]? # empty where nothing is parked
---@return forgelog.Error # code "no_parked_table" where the log has no such table yet
function consumer.parked(log, name, opts) end

---Has a consumer try parked changes again: at once where it runs, else when it starts. Of a key
---the earlier ones come first, and after each that succeeds the next one.
---@param log forgelog.Log
---@param name string of the consumer
---@param seq? integer of one of them; nil: all
---@return integer? # how many: the change and those of its key that it waits behind, or all
---@return forgelog.Error # code "no_parked" where there is no such change, or no such consumer
function consumer.retry(log, name, seq) end

---Removes a parked change, which the consumer never handles then; the next one of its key is
---tried.
---@param log forgelog.Log
---@param name string of the consumer
---@param seq integer of the change
---@return forgelog.consumer.Parked? # what was removed
---@return forgelog.Error # code "no_parked" where there is none
function consumer.skip(log, name, seq) end

---Has a consumer read a table from end to end, with all its lanes, beside the live feed: within
---about a second where it runs, else when it starts. Rows come in the order of the primary key as
---changes with the op "READ", to the same handler; a table without one is one such change without a
---`row_id`. Asked again, it begins again.
---@param log forgelog.Log
---@param name string of the consumer
---@param table string its name; of a partition, the watched table above it is read
---@param opts? forgelog.consumer.BackfillOptions
---@return true?
---@return forgelog.consumer.Backfill|forgelog.Error # what is read; or an error: code "no_consumer", "no_table", "not_watched" (of its rows no later change would be seen), "bad_key" (`from` is no key of the table), "no_backfill" (there is nothing to pause or cancel)
function consumer.backfill(log, name, table, opts) end

---Makes a consumer; it connects when it first steps.
---@param options forgelog.consumer.Options
---@return forgelog.consumer.Consumer
function consumer.new(options) end

return consumer
