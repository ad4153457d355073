---@meta forgelog.feed

---What a feed does.
---@alias forgelog.feed.State
---| "subscribe" # its connection is new to it
---| "read" # changes are on their way
---| "look" # it finds out whether there is anything to read
---| "arm" # nothing was there: it makes ready to sleep
---| "sleep" # it waits for a writer, or until it is time to look
---| "back_off" # it pauses after an error
---| "connect" # the connection is gone

---Whether writers wake a feed.
---@alias forgelog.feed.Bell
---| "off" # no writer has to: it polls
---| "armed" # writers notify, since another feed sleeps too
---| "owned" # writers notify, since this feed sleeps
---| "asked" # whether it is owned is not known yet

---A feed: what `Log:follow` of `forgelog` returns. `for change in feed do` waits for each change,
---and raises what `next` would return as an error.
---@class forgelog.feed.Feed
---the last one that it went on after
---@field last_error? forgelog.Error
---@overload fun(): forgelog.Change
local Feed = {}

---What a feed has seen. `state` and `bell` are in the words at the head of feed/states.lua.
---@class forgelog.feed.Stats
---how many
---@field reconnects integer
---an upper bound of changes not yet delivered
---@field behind integer
---whether it is
---@field connected boolean
---the last one that it went on after
---@field last_error? forgelog.Error
---seconds since a look began that found nothing to read; nil: none has
---@field caught_up? number
---seconds since the last look began that was answered
---@field looked? number
---what it does at this moment
---@field state forgelog.feed.State
---whether writers wake it
---@field bell forgelog.feed.Bell

---Delivers the next change, waiting for it.
---@param timeout? number seconds; nil: as long as it takes
---@return forgelog.Change?
---@return forgelog.Error # kind "timeout" when none came, "gap" when changes are gone (resync, then follow from a position taken before), any other that does not pass with time
function Feed:next(timeout) end

---Delivers a list of changes as soon as some are here.
---@param max? integer most changes (default: 1000)
---@param timeout? number seconds; nil: as long as it takes
---@return forgelog.Change[]?
---@return forgelog.Error # as from `next`
function Feed:batch(max, timeout) end

---Waits until the feed is connected, as it always is except after a loss: a handler whose
---connection broke may need it before it tries again.
---@param timeout? number seconds; nil: as long as it takes
---@return true?
---@return forgelog.Error # as from `next`
function Feed:connected(timeout) end

---Where a feed has to go on: everything delivered, and nothing else, is behind it. Save it when
---the work is done.
---@param at_rest? boolean the position also says what holds only while nothing is worked on, where that is known; to be replaced by one without before more work is begun
---@return string # usable wherever a position or a seq is
function Feed:position(at_rest) end

---What the feed has seen, and what it does at this moment.
---@return forgelog.feed.Stats
function Feed:stats() end

---Has a function called on each connection after the first one, before anything is delivered from
---it.
---@param f fun():true|nil,forgelog.Error|nil returns true, or nil and an error, on which the feed tries again as on any other
function Feed:on_reconnect(f) end

---For event loops that wait themselves: the socket to wait for (see `forgelog.wait`).
---@return integer? # nil: there is none
function Feed:pollfd() end

---What to wait for on it.
---@return string # "r", "w" or "rw"
function Feed:events() end

---After how long `next(0)` or `batch(max, 0)` is to be called at the latest, whatever the socket
---does.
---@return number # seconds
function Feed:timeout() end

---Ends the feed; its log stays usable.
---@param seconds? number to wait for the server's answer to that, where the log is closed as well; default: as long as it takes, `silence` at most
function Feed:close(seconds) end

---Follows a log from a position; arguments are checked. See `Log:follow` of `forgelog`.
---@param conn forgelog.connection.Connection the connection
---@param position string as text
---@param options forgelog.FollowOptions of `Log:follow`
---@return forgelog.feed.Feed
local function feed(conn, position, options) end

return feed
