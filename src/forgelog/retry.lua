--- When to try again: each time later than the one before, with jitter so that many do not come at once.
-- @module forgelog.retry

--- @int attempt 1 for the first try
-- @param options `backoff` and `backoff_max`: seconds before the second try and at most; default 0.1 and 10
-- @return seconds
return function(attempt, options)
  local delay = math.min((options.backoff or 0.1) * 2 ^ math.min(attempt - 1, 30), options.backoff_max or 10)
  return delay * (0.5 + math.random() / 2)
end
