-- The counter of transactions wraps: a server that stands a little before that is written to across
-- the wrap, with subtransactions and prepared transactions open on both sides, and read there and
-- on a standby.
local situation = require "soak.situation"
local support = require "support"
local wrap = require "soak.wrap"

return {
  title = "transaction numbers wrap",
  run = function(run)
    local server = support.server { "track_commit_timestamp=on", "max_wal_size=4GB" }
    local left = math.max(200, math.floor(run.commits / 3))
    wrap.bring_near(server, left)
    local at = situation.begin(run, { server = server })
    at:witness("file", { once = true })
    at:witness("transaction", { once = true })
    at:witness("drain", { once = true })
    local there = at:at(server:standby())
    at:witness("feed", { conninfo = there, title = "feed of a standby", once = true })
    at:load()
    at:more(run.commits)
    local now = at:ask("SELECT txid_current() AS n")[1].n
    assert(now > 4294967296, "the counter has not wrapped: " .. now)
    return at:finish(("begun %d transactions before the wrap, ended %d behind it"):format(left,
      now - 4294967296))
  end,
}
