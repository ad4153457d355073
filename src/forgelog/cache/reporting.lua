--- What a cache goes on after: it is told to the option `on_error`, whatever that does. A private
-- part of forgelog.cache.
-- @module forgelog.cache.reporting
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"

local ERROR = getmetatable(core.error("query", ""))

local function log(...) ngx.log(ngx.ERR, "forgelog: ", ...) end

local function write(err, attempt) log(tostring(err), " (attempt ", attempt, ")") end

--- Makes the function by which all parts of a cache report. It never raises; what is reported
-- becomes an error of forgelog, where it is none: such as what the option `keys` raised.
-- @tparam ?function on_error called with the error, and the number of the attempt; default: writes
-- to nginx's error log
-- @treturn func `report(raised, attempt)`
return function(on_error)
  on_error = on_error or write
  return function(raised, attempt)
    local err = raised
    if getmetatable(raised) ~= ERROR then
      err = failure.raised("the cache, or a function that it calls,", raised)
    end
    local ok, why = pcall(on_error, err, attempt)
    if not ok then log("on_error raised: ", failure.text(why), "; it was told ", tostring(err)) end
  end
end
