--- The bell of a feed: how it is taken before the feed sleeps, and given back before it hands out
-- anything. What the words mean, and why, stands in forgelog.feed.states.
-- @module forgelog.feed.bell
local bell = {}

--- Ends the feed's sleep: it gives the bell back where it holds it, since every writer notifies as
-- long as it does, and does not LISTEN any more.
-- @return true; or nil and an error
function bell.disarm(self)
  if self._bell ~= "off" or self._listening then
    local held = self._bell == "owned" or self._bell == "asked"
    local how = held and "feed.disarm" or "feed.unlisten"
    if self._conn:in_transaction() then how = "feed.release" end
    local rows, err = self._conn:run(how)
    if not rows then return nil, err end
  end
  self._bell, self._listening = "off", false
  return true
end

-- Tries to take the bell.
local function try(self)
  self._bell = "asked" -- until the answer is here it may be this feed's
  local rows, err = self._conn:run("feed.arm")
  if not rows then return nil, err end
  self._bell = rows[1].bell
  return true
end

-- From now on this session is told. What it was told before belongs to an earlier sleep.
local function listen(self)
  local told, err = self._conn:notified()
  if told == nil then return nil, err end
  self._heard, self._listening = false, true
  return self._conn:run("feed.listen")
end

--- The steps by which a feed lies down. Each is a function of the feed; it returns nil and the
-- error where it failed, or is not done yet. Where another follower holds the bell, this one has to
-- LISTEN first and then see that it still does. Of many followers all but one find that each time:
-- so one that has found it tries only once the next time.
bell.taking = {
  function(self)
    if self._crowded then return true end
    return try(self)
  end,
  function(self)
    if self._bell == "off" and not self._crowded then return true end
    return listen(self)
  end,
  function(self)
    if self._bell == "owned" or not self._listening then return true end
    return try(self)
  end,
  function(self)
    self._crowded = self._bell == "armed"
    if self._bell ~= "off" then return true end
    return bell.disarm(self)
  end,
}

return bell
