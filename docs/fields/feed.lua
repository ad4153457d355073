--- The tables that a feed gives.
-- @module forgelog.feed

--- A feed: what `Log:follow` of `forgelog` returns. `for change in feed do` waits for each change,
-- and raises what `next` would return as an error.
-- @table Feed
-- @tfield[opt] forgelog.Error last_error the last one that it went on after

--- What a feed has seen. `state` and `bell` are in the words at the head of feed/states.lua.
-- @table Stats
-- @tfield integer reconnects how many
-- @tfield integer behind an upper bound of changes not yet delivered
-- @tfield boolean connected whether it is
-- @tfield[opt] forgelog.Error last_error the last one that it went on after
-- @tfield[opt] number caught_up seconds since a look began that found nothing to read; nil: none
-- has
-- @tfield[opt] number looked seconds since the last look began that was answered
-- @tfield forgelog.feed.State state what it does at this moment
-- @tfield forgelog.feed.Bell bell whether writers wake it

--- What a feed does.
-- @choice State
-- @field subscribe its connection is new to it
-- @field read changes are on their way
-- @field look it finds out whether there is anything to read
-- @field arm nothing was there: it makes ready to sleep
-- @field sleep it waits for a writer, or until it is time to look
-- @field back_off it pauses after an error
-- @field connect the connection is gone

--- Whether writers wake a feed.
-- @choice Bell
-- @field off no writer has to: it polls
-- @field armed writers notify, since another feed sleeps too
-- @field owned writers notify, since this feed sleeps
-- @field asked whether it is owned is not known yet
