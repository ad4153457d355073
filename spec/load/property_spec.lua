-- Capture, at random: tables of all types, statements, ALTERs, options and transactions of two
-- sessions, under all settings of these. What the log says is held against what the tables hold.
-- FORGELOG_SEED repeats a round that failed.
local support = require "support"
local world = require "support.property.world"

local STEPS = 120

describe("capture of anything", function()
  -- One round: nil; or what went wrong.
  local function round(seed, did)
    local made = world.new(seed, did)
    local ok, err = xpcall(function() made:play(STEPS) end, function(err)
      return type(err) == "string" and err:find("^table ") and err or debug.traceback(tostring(err))
    end)
    local story = not ok and made:story(tonumber(os.getenv("FORGELOG_STORY") or 25))
    made:close()
    if not ok then return ("%s\nFORGELOG_SEED=%d; last:\n%s"):format(err, seed, story) end
  end

  it("says what happened to every row", function()
    local given = tonumber(os.getenv("FORGELOG_SEED") or nil)
    local seed, rounds = given or os.time() % 1000000 * 1000, support.scale(5)
    local did = { tables = 0, columns = 0, statements = 0, alters = 0, watches = 0, commits = 0,
      rolled_back = 0, failed = 0, compared = 0 }
    for i = 0, rounds - 1 do
      local wrong = round(seed + i, did)
      if wrong then error(wrong, 0) end
    end
    support.note("seeds %d to %d: %d tables of %d columns, %d statements, %d failed, %d ALTERs, "
      .. "%d watched anew, %d commits, %d rolled back, %d changes compared", seed,
      seed + rounds - 1, did.tables, did.columns, did.statements, did.failed, did.alters,
      did.watches, did.commits, did.rolled_back, did.compared)
    for what, least in pairs({ tables = 2, statements = 20, alters = 2, commits = 10,
      compared = 30 }) do
      assert.is_true(did[what] >= least * rounds, "too few " .. what)
    end
  end)
end)
