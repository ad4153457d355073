--- The name that `forgelog.cache.ipc` had in the first edition; it stays.
return require "forgelog.cache.ipc"
