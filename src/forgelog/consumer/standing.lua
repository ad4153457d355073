--- What the row of a consumer in the table store says: whether the saved position can be gone on
-- from, which only who has had its lease can make sure of.
-- @module forgelog.consumer.standing
local core = require "forgelog.core"
local lease = require "forgelog.consumer.lease"
local seqs = require "forgelog.seqs"

local standing = {}

--- What a saved position says of the work behind it. The table store goes back with its database,
-- so where a failover has lost the last of it, the position may be one of before some work was
-- begun whose program is gone. It was at rest only if that program has given its lease back.
-- @string position as it was saved
-- @bool given_back whether whoever had the lease last, if anybody did, has given it back
-- @return the position, if need be without what holds only at rest
function standing.vouched(position, given_back)
  return given_back and position or core.stirred(position)
end

--- Whether there is a gap after what a consumer has saved, by what the connection has asked last.
-- A program that runs knows more than it has saved, so a failover is none to it until it says so:
-- it goes on, or resyncs, and saves where it is then.
-- @param conn the connection
-- @tparam table row of `status.consumers` or `consumer.standing`, with a position that is readable
-- @return as of `forgelog.seqs.compare`; or false and "unknown", where only its program knows
function standing.gap(conn, row)
  local runs = row.running or not lease.is_free(row)
  local reason, upto = seqs.compare(conn,
    standing.vouched(row.position, runs or row.has_lease and not row.holder))
  if reason == "failover" and runs then return false, "unknown" end
  return reason, upto
end

return standing
