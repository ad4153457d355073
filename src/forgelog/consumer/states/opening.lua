--- How a consumer begins: its connection, the claim on its name, and the position. A private part
-- of forgelog.consumer.states.
-- @module forgelog.consumer.states.opening
local claim = require "forgelog.consumer.claim"
local core = require "forgelog.core"
local lanes = require "forgelog.consumer.lanes"
local make_checkpoint = require "forgelog.consumer.checkpoint"
local names = require "forgelog.tables.names"
local primary = require "forgelog.connection.primary"
local seqs = require "forgelog.seqs"

local SILENCE = 15 -- seconds after which a server that does not answer counts as gone

local opening = {
  ANSWER = 0.08, -- seconds beyond its time that a step waits for a connection
}

--- Seconds after which a server that does not answer counts as gone.
-- @tparam table options of the consumer
function opening.silence(options) return options.silence or options.timeout or SILENCE end

--- Whether what the work writes, its position and the log are in one database, and so committed
-- together: whatever a server has of them belongs together. A store elsewhere knows nothing of what
-- has become of the log.
-- @param self the consumer
function opening.as_one(self)
  return self._options.transaction and not self._store.conninfo
end

-- Whether the store's server, elsewhere, is of the log's cluster, as the primary of a standby is. A
-- failover that takes back what the work has read takes back what it has written there, too.
local function of_one_cluster(self, own)
  if not self._options.transaction or not self._store.conninfo then return false end
  local log = self._log:limited(opening.silence(self._options)).connection
  local here = log:locate() and log:run("consumer.system")
  local newest = here and here[1]
  if not newest then return false end
  local there = own:run("consumer.same_system", newest.system, newest.seq, newest.created_at)
  return there ~= nil and there[1].same
end

--- The name of the row of the consumer, or of its lane.
-- @param self the consumer
-- @treturn ?string
function opening.row_name(self) return self._lane and self._lane.name or self._options.name end

--- The connection of what the consumer itself asks, and writes: that of the store's server.
-- @param self the consumer
-- @return a connection with its time limit
function opening.own(self)
  local log = self._store.conninfo and self._own or self._log
  return log:limited(opening.silence(self._options)).connection
end

--- The log for what the user does while nothing else goes on: on the checkpoint's connection; but
-- where that is another server's, only what is to commit there.
-- @param self the consumer
function opening.log(self)
  local options = self._options
  if not self._own or self._store.conninfo and not options.transaction then return self._log end
  return self._own:limited(options.timeout)
end

--- The same where a handler is called: whatever its connection failed with before is no work of it.
-- @param self the consumer
function opening.hand(self)
  local log = opening.log(self)
  log.connection:failure()
  return log
end

--- The position of what a consumer has done, for a chore to save with its work: a change that is
-- tried again later is not behind it.
-- @param self the consumer
-- @treturn string
function opening.place(self)
  return self._crew and self._crew.keeper:place() or self._position
end

--- Closes the consumer's feed.
-- @param self the consumer
-- @number[opt] seconds as of `Feed:close`
function opening.close_feed(self, seconds)
  if not self._feed then return end
  self._reconnects = self._reconnects + self._feed:stats().reconnects
  self._feed:close(seconds)
  self._feed = nil
end

--- Before a consumer begins anew from what is saved. A store that is in the database goes back with
-- that, where a failover has lost the last of it; but what was handed out may be lost too, and only
-- the feed knows that, or that nothing is.
-- @param self the consumer
-- @number[opt] timeout seconds
-- @return true; or nil and an error
function opening.compare(self, timeout)
  local feed = self._feed
  if not feed or opening.as_one(self) then return true end
  local ok, err = feed:compare(timeout)
  if not ok and err.kind ~= "closed" then return nil, err end
  self._lost = feed:differs() or self._lost
  self._was, self._proven = self._checkpoint and self._checkpoint:saved(), feed:position()
  return true
end

--- Where a consumer goes on that begins anew. Of what was saved, all work is done; of where its
-- feed has come to on another timeline, all that the work can have read is there. So what both have
-- can stay behind it; unless somebody else has saved meanwhile.
-- @param self the consumer
-- @return the position; or nil and an error
function opening.saved(self)
  local position, err = self._checkpoint:place()
  local was, proven = self._was, self._proven
  self._was, self._proven = nil, nil
  if not position then return nil, err end
  if not proven or position ~= was then return self._checkpoint:vouched(position) end
  local timeline = core.parse_position(proven)
  if timeline == 0 or timeline == core.parse_position(was) then return position end
  return core.naming(core.place(core.common { was, proven }, timeline), proven)
end

--- What follows where changes are lost that were handed out.
-- @param self the consumer
-- @return the state "resync"; or nil and an error
function opening.resync(self)
  local options, reason = self._options, self._lost
  if not (options.on_resync or options.resync) then
    local message = "%s: this server lacks changes that were handed out; resync, then go on from a "
      .. "position taken before the resync"
    return nil, core.error("gap", message:format(reason), nil, { code = reason, reason = reason })
  end
  self._reason, self._lost = reason, nil
  return "resync"
end

-- Has a log connected, or goes on with that.
local function reconnect(self, log, timeout)
  if not log.connection:lost() then return true end
  local options = self._options
  local conn = log.connection:limited(options.timeout or opening.silence(options))
  conn:wait_until(timeout and self._waiter.now() + timeout + opening.ANSWER)
  return conn:reconnect()
end

--- Connects, or goes on with that, for as long as somebody waits now; claims the name, and loads
-- the position.
-- @param self the consumer
-- @number[opt] timeout seconds
-- @return true; or nil and an error
function opening.connect(self, timeout)
  local options, log = self._options, self._log
  local ok, err = reconnect(self, log, timeout)
  if ok and self._own then ok, err = reconnect(self, self._own, timeout) end
  if not ok then return nil, err end
  -- A name that means nothing is told before anything is read or saved.
  local filter
  filter, err = names.resolve(opening.own(self), "consumer", options, self._names)
  if not filter then return nil, err end
  self._log = log:limited(options.timeout) -- the handlers' own statements take as long as they take
  local own = (self._own or log):limited(opening.silence(options))
  ok, err = own.connection:locate()
  if ok and self._store.transactional then
    ok, err = primary(own.connection, "the table store", "give the store the primary's address: "
      .. "consumer.table{ conninfo = ... }")
  end
  if not ok then return nil, err end
  if not self._claim then
    self._claim, err = claim.new(own.connection, options.name, options, self._lane)
    if not self._claim then return nil, err end
  end
  if self._claim.renew then -- a lease, so the log has a place for lanes
    ok, err = lanes.enter(own.connection, options.name, self._lane)
    if not ok then return nil, err end
  end
  self._of_one_cluster = of_one_cluster(self, own.connection)
  self._checkpoint = make_checkpoint {
    log = own,
    store = self._store,
    name = opening.row_name(self),
    claim = self._claim,
    refuse = self._refuse,
    transaction = options.transaction,
    as_one = opening.as_one(self),
  }
  return self._checkpoint:open()
end

--- Has all connections stand, where the checkpoint has one of its own.
-- @param self the consumer
-- @number[opt] timeout seconds
-- @return true; or nil and an error
function opening.connected(self, timeout)
  local ok, err = self._checkpoint:reconnect()
  if ok and self._feed then return self._feed:connected(timeout) end
  if ok then ok, err = reconnect(self, self._log, timeout) end
  return ok, err
end

--- Before it waits for changes: replaces a lost connection to the store's server, of which no feed
-- would take notice.
-- @param self the consumer
-- @number[opt] timeout seconds
-- @return true; or nil and an error
function opening.own_stands(self, timeout)
  if not self._own or not self._own.connection:lost() then return true end
  return opening.connected(self, timeout)
end

--- Has all lanes begin from a position, of which this one is the first to be started. None has done
-- anything yet, so a server that takes over before a later one is started need only have what was
-- written by now.
-- @param self the consumer
-- @param conn the connection that the position is of
-- @string position text
-- @return true; or nil and an error
function opening.lanes(self, conn, position)
  local lsn = core.parse_position(position) > 0 and seqs.written(conn)
  if lsn then position = position .. "@" .. lsn end
  local ok, err = self._lane:begin(opening.own(self), position)
  if ok then self._checkpoint:adopt(position) end
  return ok, err
end

--- Where a consumer begins that is to begin at the beginning. Lanes that are started later begin
-- there too: what is trimmed until then is a gap to them.
-- @param self the consumer
-- @return the position; or nil and an error
function opening.beginning(self)
  if not self._lane then return "0" end
  local conn = opening.own(self)
  local ok, err = conn:locate()
  if ok then ok, err = conn:seqs() end
  if not ok then return nil, err end
  ok, err = opening.lanes(self, conn,
    core.position_text(conn:fact("timeline"), conn:fact("empty_to")))
  if not ok then return nil, err end
  return "0"
end

return opening
