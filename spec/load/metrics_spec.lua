-- Metrics of a hot standby: what can be known there.
local command = require "support.command"
local exposed = require "support.exposed"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("forgelog.metrics of a standby", function()
  it("has what can be known there", function()
    local server = support.server()
    local db, log = logs.installed(server.conninfo)
    logs.fill(log, 3)
    must(log, "CHECKPOINT")
    local standby = server:standby()
    local name = db:match("dbname=%S+")
    local own = logs.connect((standby.conninfo:gsub("dbname=%S+", name)))
    support.wait_until(function() return own:max_seq() == 3 end, "the standby to have it all")
    local shown = exposed.look(own)
    log:close()
    server:stop()
    support.wait_until(function() return own:status().replay.connected == false end, "its loss")
    local alone, told = exposed.look(own), nil
    for _, finding in ipairs(assert(own:diagnose())) do
      if finding.code == "not_connected" then told = finding.severity end
    end
    local _, said = command.run((standby.conninfo:gsub("dbname=%S+", name)), "status")
    own:close()
    standby:stop()
    assert.equal("warning", told)
    assert.equal(0, alone:value("forgelog_standby_connected"))
    assert.matches("not connected to a primary, 0 B to replay", said, 1, true)
    assert.equal(1, shown:value("forgelog_standby_connected"))
    assert.equal(1, shown:value("forgelog_standby"))
    assert.equal(1, shown:value("forgelog_horizon_known"))
    assert.equal(3, shown:value("forgelog_horizon_seq"))
    assert.equal(0, shown:value("forgelog_standby_paused"))
    assert.equal(0, shown:value("forgelog_standby_behind_bytes"))
    assert.equal(3, shown:value("forgelog_changes"))
    exposed.lacks(shown, { "open_writers", "oldest_writer_age_seconds" })
  end)
end)
