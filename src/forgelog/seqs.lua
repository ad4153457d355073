--- What the log holds and how far it is settled: the smallest and the largest seq, the gap after a
-- position, the horizon.
-- @module forgelog.seqs
local uncompiled = require "forgelog.connection.uncompiled"

local seqs = {}

-- Finds the log where it is now, then asks for its seqs.
local function ask(conn)
  local ok, err = conn:locate()
  if not ok then return nil, err end
  return conn:seqs()
end

--- The seq up to which there is nothing in the log and will be nothing: who looks for its beginning
-- begins there, since the server may have to walk over what was deleted below. The state of the log
-- tells; on another log it is what this connection has seen.
-- @param conn the connection
-- @return the seq; or nil and an error
function seqs.empty_to(conn)
  local ok, err = conn:locate()
  if not ok then return nil, err end
  if not conn:fact("has_state") then -- a tick looks at the beginning, once
    ok, err = conn:tick()
    if not ok and err.kind ~= "schema" then return nil, err end
  end
  if not conn:fact("exact") then return conn:fact("empty_to") end
  local rows
  rows, err = conn:run("seqs.empty_to")
  if not rows then return nil, err end
  return rows[1] and rows[1].empty_to or 0
end

--- The smallest seq in the log.
-- @param conn the connection
-- @return the seq; nil for an empty log; nil and an error
function seqs.smallest(conn)
  local ok, err = ask(conn)
  if not ok then return nil, err end
  return conn:fact("smallest")
end

--- The largest seq in the log.
-- @param conn the connection
-- @return the seq; nil for an empty log; nil and an error
function seqs.largest(conn)
  local ok, err = ask(conn)
  if not ok then return nil, err end
  return conn:fact("largest")
end

--- How much the server has written by now, when work is done that may have read all of it: a server
-- that takes over and has as much lacks nothing of that.
-- @param conn the connection
-- @return a place in the WAL, as text; nil on a standby, and where the server does not say it
function seqs.written(conn)
  local rows = conn:run("seqs.written")
  return rows and rows[1].lsn
end

--- Whether there is a gap after a position, by what was asked last; the rows that it names are
-- looked for.
-- @param conn the connection
-- @string position as text
-- @return as of `gap`
function seqs.compare(conn, position)
  local reader = conn:reader(position, {})
  local doubtful = reader and reader:doubtful()
  local reason, upto
  if doubtful then
    reason, upto = conn:verify(reader)
    if reason then reason, upto = reader:gap() end
  end
  if reader then reader:close() end
  if doubtful then return reason, upto end
  return conn:gap(position)
end

--- Whether there is a gap after a position: changes that it has not had were deleted, or the server
-- lacks some that it has had.
-- @param conn the connection
-- @string position as text
-- @return false; or the reason and the seq up to which changes are gone; or nil and an error
function seqs.gap(conn, position)
  local ok, err = ask(conn)
  if not ok then return nil, err end
  return seqs.compare(conn, position)
end

--- The horizon, as far as this connection knows it, and the open writers, oldest first.
-- @param conn the connection
-- @return the horizon and a list of writers; or nil and an error
function seqs.horizon(conn)
  local ok, err = conn:locate()
  if ok then ok, err = conn:tick() end
  if not ok then return nil, err end
  local writers
  writers, err = uncompiled(conn):run("status.writers")
  if not writers then return nil, err end
  return conn:fact("horizon"), writers
end

return seqs
