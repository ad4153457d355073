--- What became of each row that was committed: delivered, delivered again, read instead after a
-- gap, or lost.
-- @module soak.verdict

local AT, GAP, READS, READ, ALSO = ("@!=.~"):byte(1, 5)

-- What a witness wrote down. Of each so many-th id it is kept when it came.
local function recorded(witness, stride)
  local own = { seen = {}, came = {}, delivered = 0, different = 0, twice = 0, gaps = {} }
  local seen, now, reading = own.seen, nil, false
  for line in witness:lines() do
    local id = math.tointeger(tonumber(line))
    if id then
      local before = seen[id]
      if not before then own.different = own.different + 1 end
      if reading then
        seen[id] = 0
      else
        own.delivered = own.delivered + 1
        own.twice = own.twice + ((before or 0) > 0 and 1 or 0)
        seen[id] = (before or 0) + 1
        if id % stride == 0 then own.came[id] = own.came[id] or now end
      end
    elseif line:byte() == AT then
      now = tonumber(line:sub(2))
    elseif line:byte() == GAP then
      own.gaps[#own.gaps + 1] = line:sub(2)
    elseif line:byte() == READS then
      own.seen, own.different, reading = {}, 0, true
      seen = own.seen
    elseif line:byte() == READ then
      reading = false
    elseif line:byte() == ALSO then
      id = math.tointeger(tonumber(line:sub(2)))
      if not seen[id] then own.different, seen[id] = own.different + 1, 0 end
    end
  end
  return own
end

-- Compares one row that is in the database with what a witness has of it.
local function compare(own, id, committed)
  if not own.seen[id] then
    own.lost = own.lost + 1
    return
  end
  own.found = own.found + 1
  local came = committed and own.came[id]
  if came then own.stall = math.max(own.stall, came - committed) end
end

--- Judges what the witnesses of a situation have had.
-- @param at the situation, whose load has ended
-- @treturn int how many transactions were committed
-- @return a list of `delivered`, `lost`, `twice`, `phantoms`, `gaps` (list), `stall` (seconds), one
-- for each witness
return function(at, witnesses)
  local rows = at:ask("SELECT last_value AS n FROM item_id")[1].n
  local stride = math.max(1, math.floor(rows / 50000))
  local all, commits = {}, 0
  for i, witness in ipairs(witnesses) do
    all[i] = recorded(witness, stride)
    all[i].lost, all[i].found, all[i].stall = 0, 0, 0
  end
  for line in at:stream(([[COPY (SELECT id, n, CASE WHEN id %% %d = 0
    THEN extract(epoch FROM pg_xact_commit_timestamp(xmin)) END
    FROM (SELECT id, n, xmin FROM item UNION ALL SELECT id, n, xmin FROM paper) i) TO STDOUT]])
    :format(stride)) do
    local id, n, committed = line:match("^(%d+)\t(%d+)\t(.*)")
    id = tonumber(id)
    if n == "1" then commits = commits + 1 end
    for _, own in ipairs(all) do compare(own, id, tonumber(committed)) end
  end
  for _, own in ipairs(all) do own.phantoms = own.different - own.found end
  return commits, all
end
