---@meta forgelog.cache

---Who follows the log.
---@alias forgelog.cache.Feed
---| "nginx" # one worker for all of its nginx
---| "worker" # each, by a connection of its own

---Which keys a change makes stale; nil: none.
---@alias forgelog.cache.Stale
---| string # key: one key
---| integer # number: one key: its digits
---| string[] # texts: several keys
---| integer[] # numbers: several keys
---| forgelog.cache.All # all: `cache.ALL`: every key
---| nil # none: no key

---A cache: what `forgelog.cache.new` returns.
---@class forgelog.cache.Cache
local Cache = {}

---Options of `forgelog.cache.new`.
---@class forgelog.cache.Options: forgelog.ConnectOptions, forgelog.FeedOptions
---what holds the values: a lua_shared_dict, a lua-resty-lrucache, or anything with `delete` and
---`flush_all` or `purge`; see also `Cache:attach`
---@field cache? any
---a lua-resty-lrucache of this worker, asked before a `cache` that is a lua_shared_dict
---@field near? table
---which keys a change makes stale; default: `table_name:row_id`. See also `kept`
---@field keys? fun(change:forgelog.Change):forgelog.cache.Stale
---name of a lua_shared_dict of its own, through which one worker tells all others, and where the
---position is kept over reloads; or a store. Default: the lua_shared_dict that holds the values,
---else in memory, purged at each start
---@field position? string|forgelog.store.Store
---who follows the log; default: "nginx" where `position` or `cache` is a lua_shared_dict, else
---"worker"
---@field feed? forgelog.cache.Feed
---tells several caches of one worker apart (default: cache)
---@field name? string
---seconds without word from the database after which the cache is not fresh; more than `poll`
---(default: 3)
---@field stale_after? number
---seconds that a `get` waits for another's load of its key before it loads too, since a request may
---end in the middle of its load; 0: each loads by itself (default: 1)
---@field load_wait? number
---called when all was emptied, and why
---@field on_purge? fun(reason:string)
---called with each error that it goes on after, and the number of the attempt; default: to nginx's
---error log. What it raises is written there, and nothing else
---@field on_error? fun(err:forgelog.Error,attempt:integer)
---as of `forgelog.connect`
---@field conninfo? forgelog.Conninfo
---most changes at once (default: 1000)
---@field batch? integer
---seconds that a new position waits for writers that are open (default: 5)
---@field settle? number

---What stands for every key: `cache.ALL`.
---@class forgelog.cache.All

---What a cache has done, and how it stands: of the worker that follows, what its consumer tells
---(nil in others, or before it has begun), and of this worker the rest.
---@class forgelog.cache.Stats
---changes
---@field handed_out? integer
---as it is saved
---@field position? string
---an upper bound of changes not acknowledged
---@field lag_changes? integer
---age of the oldest of them
---@field lag_seconds? number
---seconds since the last moment of which it is known that all committed by then has been handled
---@field caught_up? number
---of its feeds
---@field reconnects? integer
---how many it has done
---@field resyncs? integer
---whether it is
---@field connected? boolean
---the last one
---@field last_error? forgelog.Error
---without use in a cache
---@field backfill? forgelog.consumer.Filling
---whether this worker follows for all, where one does
---@field leads? boolean
---the process id of the one that does
---@field leader? integer
---whether this worker knows of every change up to now
---@field fresh boolean
---of `get`
---@field hits integer
---of `get`
---@field misses integer
---calls of `load`; fewer than misses where one was for several
---@field loads integer
---values for which there was no room
---@field refused integer
---keys
---@field invalidated integer
---how often all was emptied
---@field purges integer

---Names what holds the values, where that is made after this. (`get` needs its `get(key)`, which
---returns nil for what it does not hold, and `set(key, value)`. None of these may wait. A
---lua-resty-mlcache has others: use its own, and `fresh`.)
---@param target any a lua_shared_dict, a lua-resty-lrucache, or anything like them
function Cache:attach(target) end

---Deletes a key as a change would, and keeps what is being loaded under it from being stored.
---Where one worker follows for all, the others do so as soon as they look; else each has to be
---told.
---@param key string|integer text or a whole number
function Cache:invalidate(key) end

---Empties the cache. Where one worker follows for all, the others empty what is their own as soon
---as they look; else each has to do so.
---@param reason? string for `on_purge`
function Cache:purge(reason) end

---Has a function called with each change of a table_name, in place of what is done with other
---changes: for programs that write rows of their own into the log, as `forgelog.cache.ipc` does.
---Where the option `ops` is given, these have to have the op BROADCAST.
---@param name string the table_name
---@param call fun(change:forgelog.Change) called with the change
function Cache:listen(name, call) end

---Whether who asks handles changes at this moment: then every other worker sees them too.
---@return boolean
function Cache:handling() end

---Another connection to the same log, as the options say.
---@return forgelog.Log?
---@return forgelog.Error # as from `forgelog.connect`
function Cache:connect() end

---Starts following, in a timer of this worker: call it in init_worker_by_lua.
function Cache:start() end

---Has it end, within a quarter of a second and the statement at hand.
function Cache:stop() end

---Whether this worker knows of every change up to now, as far as the last answer of the database
---is not older than `stale_after`: not before it has caught up, nor while it is cut off.
---@return boolean
function Cache:fresh() end

---The value under a key; where there is none, or the cache is not fresh, what `load` returns. It
---is stored unless the key was made stale in the meantime (so an old value read just before a
---commit never stays). nil is not stored; false is, and is served until a change makes its key
---stale, so let `load` return it for what does not exist. What several ask for at one time is
---loaded once in a worker, and all are given that load's results, or the error that it raises; so
---what `load` returns must follow from the key alone. None of them is given what began to be loaded
---before the key was made stale, if it asked after that.
---@param key string|integer text, or a whole number up to 2^53, which is held as its digits
---@param load fun(key:any,...:any):any,any called with the key as given and the further arguments; must read the primary, committed data. May wait.
---@param ... any further arguments for it
---@return any # the value; or what `load` returned: a value, or nil
---@return any # with nil: the error that `load` returned
function Cache:get(key, load, ...) end

---What it has done and how it stands.
---@return forgelog.cache.Stats
function Cache:stats() end

---What lua-resty-mlcache takes as its option `ipc`: see `forgelog.cache.ipc`.
---@return forgelog.cache.ipc.Ipc
function Cache:ipc() end

---A cache in OpenResty that a change of its rows empties. Where a lua_shared_dict is at hand, one
---worker follows the log for all of its nginx; else each does. Changes are mapped to keys, which
---are deleted; on a gap all is purged. While a worker cannot know what has changed, `fresh` says
---so, and `get` asks the database.
---@class forgelog.cache
---What the option `keys` returns where every key may be stale.
---@field ALL forgelog.cache.All
local cache = {}

---Makes a function for the option `keys` of a cache whose keys are values of a column; watch the
---table with that column in `keep`. A change makes stale what is cached under the value before it,
---and under the one after it, which may be cached as one that does not exist. All is purged where
---the change does not tell: the column is not kept (yet), its value is NULL, or too long to be
---kept.
---@param column string its name
---@param prefix? string what each key begins with
---@return fun(change:forgelog.Change):forgelog.cache.Stale
function cache.kept(column, prefix) end

---Makes a cache; `start` sets it going.
---@param options forgelog.cache.Options
---@return forgelog.cache.Cache
function cache.new(options) end

return cache
