--- The tables that a consumer takes and gives.
-- @module forgelog.consumer

--- A consumer: what `forgelog.consumer.new` returns.
-- @table Consumer

--- Options of `forgelog.consumer.new`. It has to have `on_changes` or `on_change`.
-- @table Options
-- @extends `forgelog.ConnectOptions`
-- @extends `forgelog.FollowOptions`
-- @tfield[opt] forgelog.Conninfo conninfo where it connects, as the first argument of
-- `forgelog.connect`; the connection is its own
-- @tfield[opt] string name under which it is claimed, and seen in a status: two of one name never
-- run at once. Not empty, nor like that of a lane (`name#1/2`); the table store needs one
-- @tfield[opt] forgelog.store.Store position where the position is kept; default:
-- `forgelog.consumer.memory()`
-- @tfield[opt] fun(changes:forgelog.AnyChange[],log:forgelog.Log):any on_changes handles a
-- batch; if it raises, the batch comes again
-- @tfield[opt] fun(change:forgelog.AnyChange,log:forgelog.Log):any on_change handles one change, in
-- place of on_changes
-- @tfield[opt=1] integer concurrency how many changes are handled at a time, in an event loop,
-- those of one key in order; needs on_change
-- @tfield[opt] fun(change:forgelog.AnyChange):string|nil key the text that a change is in order by,
-- with `share`, `concurrency` and `attempts`; nil: it is in order with nothing. Default: table and
-- row
-- @tfield[opt] fun(reason:forgelog.consumer.ResyncReason,log:forgelog.Log):any on_resync reads
-- everything anew: called at a gap, and at the first start where `start` says so
-- @tfield[opt] "backfill" resync in place of on_resync: all tables are read from end to end beside
-- the live feed; needs a name
-- @tfield[opt] forgelog.consumer.Start start where it begins that has no saved position; default:
-- "resync" with on_resync or `resync`, else "beginning"
-- @tfield[opt=1000] integer batch most changes at once
-- @tfield[opt=false] boolean transaction true: the handler's work and the position commit together;
-- needs the table store
-- @tfield[opt=wait] forgelog.consumer.Exclusive exclusive what it does while another consumer of
-- this name runs
-- @tfield[opt=15] number lease seconds for which the name is claimed, above 0
-- @tfield[opt] string share such as "2/4": this program does lane 2 of 4; needs the table store
-- @tfield[opt=5] number settle seconds that a new position waits for writers that are open
-- @tfield[opt] integer attempts so often a change may fail before it is parked, and the consumer
-- goes on without it; needs a name
-- @tfield[opt=key] forgelog.consumer.Park park what waits behind a parked change; needs attempts
-- @tfield[opt] fun(change:forgelog.AnyChange,err:forgelog.Error) on_park called when a change was
-- parked; needs attempts

--- Where a consumer begins that has no saved position.
-- @choice Start
-- @field resync it resyncs
-- @field beginning with what the log still holds
-- @field now with what comes from now on

--- What a consumer does while another one of its name runs.
-- @choice Exclusive
-- @field wait it waits for the name
-- @field refuse `run` ends

--- What waits behind a parked change.
-- @choice Park
-- @field key later changes of its key
-- @field change nothing

--- Why a consumer resyncs.
-- @choice ResyncReason
-- @field start it has no saved position
-- @field trimmed changes were deleted that it has not had
-- @field reset the log was restored or recreated
-- @field failover the server may lack something that it has had

--- What a consumer has done, and how it stands.
-- @table Stats
-- @tfield integer handed_out changes
-- @tfield[opt] string position as it is saved
-- @tfield integer lag_changes an upper bound of changes not acknowledged: not delivered, or at hand
-- and not saved
-- @tfield number lag_seconds age of the oldest of them; during a resync, seconds since it began
-- @tfield[opt] number caught_up seconds since the last moment of which it is known that all
-- committed by then has been handled; nil: none yet
-- @tfield integer reconnects of its feeds
-- @tfield integer resyncs how many it has done
-- @tfield boolean connected whether it is
-- @tfield[opt] forgelog.Error last_error the last one
-- @tfield[opt] forgelog.consumer.Filling backfill the table that is read from end to end; nil: none

--- A table that a consumer is reading from end to end.
-- @table Filling
-- @tfield string table its name in the log
-- @tfield integer rows read so far
-- @tfield[opt] integer estimate rows that there may be
-- @tfield[opt] string error why it rests, while it does after an error

--- A change that is parked, or waits behind one.
-- @table Parked
-- @tfield integer id in the order of parking
-- @tfield string key the key that it is in order by
-- @tfield integer seq of the change; negative for one that was read by a backfill
-- @tfield boolean waits it waits behind another one of its key, and nobody has tried to handle it,
-- unless an older one has come again and was parked before it
-- @tfield boolean retry it is to be tried again
-- @tfield integer attempts how often it was tried
-- @tfield[opt] string error the message of the last one
-- @tfield number parked_at Unix seconds
-- @tfield forgelog.AnyChange change as it was handed out

--- Options of `forgelog.consumer.parked`.
-- @table ParkedOptions
-- @tfield[opt] integer limit most of them
-- @tfield[opt] integer after the `id` behind which they are wanted

--- Options of `forgelog.consumer.backfill`, of which one may be given.
-- @table BackfillOptions
-- @tfield[opt] string|string[] from a row_id, or a list of texts as of `forgelog.key`: only rows
-- behind that key are read
-- @tfield[opt] boolean pause true: the table is read no further for now; false: it goes on
-- @tfield[opt] boolean cancel true: it is read no more

--- What is read.
-- @table Backfill
-- @tfield string table its name in the log
-- @tfield[opt] integer estimate rows that there may be
-- @tfield[opt] boolean whole it has no primary key, and is one change without a `row_id`
