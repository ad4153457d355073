--- Keeps a consumer's position in this program's memory: for caches that start empty anyway.
-- @module forgelog.store.memory

--- A store for a consumer: see `forgelog.store`.
-- @function memory
return function()
  local saved
  return {
    load = function() return saved end,
    save = function(_, _, position)
      saved = position
      return true
    end,
  }
end
