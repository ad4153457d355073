--- The position of a time: just before the first change that was written at or after it. Nothing is
-- skipped that a writer who is still open may have written since, under a lower seq.
-- @module forgelog.drain.at
local core = require "forgelog.core"
local seqs = require "forgelog.seqs"
local settle = require "forgelog.drain.settle"
local uncompiled = require "forgelog.connection.uncompiled"

local NO_COLUMN = "42703" -- SQLSTATE

-- The first change at or after the time: see sql/drain/at.sql.
local function find(conn, at)
  local empty_to, err = seqs.empty_to(conn)
  if not empty_to then return nil, err end
  local rows
  rows, err = uncompiled(conn):run("drain.at", empty_to, at)
  if rows then return rows[1] end
  if err.sqlstate ~= NO_COLUMN then return nil, err end
  local message = "the log has no column created_at, so nobody knows when a change was written"
  return nil, core.error("schema", message, NO_COLUMN, { code = "no_times", remedy = "install" })
end

-- Whether changes that were written at or after the time may be gone: the highest of those that
-- were deleted is behind the last change that is older, or the log has a gap after the position.
local function may_lack(conn, found, position)
  if not found.first then return not found.future and conn:fact("trimmed_to") > found.before end
  return conn:fact("trimmed_to") > found.before or conn:gap(position) == "trimmed"
end

--- The position of a time. The horizon is found out first: what is settled then is seen by the
-- statement that walks.
-- @param conn the connection
-- @number at Unix seconds
-- @number[opt] seconds longest time to wait for writers that were open before; default 5
-- @return the position; and where changes since then may be gone "trimmed", the seq up to which
-- changes are gone, and the time of the first one that is there (nil: there is none); or nil and an
-- error
-- @function at
return function(conn, at, seconds)
  local position, err = settle.position(conn, seconds)
  if not position then return nil, err end
  local found
  found, err = find(conn, at)
  if not found then return nil, err end
  local timeline, horizon = core.parse_position(position)
  if found.first then
    position = core.position_text(timeline, math.min(found.first - 1, horizon))
  end
  local ok
  ok, err = conn:seqs() -- a trim that came between is seen by it
  if not ok then return nil, err end
  if not may_lack(conn, found, position) then return position end
  return position, "trimmed", conn:fact("trimmed_to"), found.first_at
end
