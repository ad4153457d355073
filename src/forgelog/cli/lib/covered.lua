--- Partitions of watched tables, whose changes are logged under the names of these.
-- @module forgelog.cli.lib.covered
local find = require "forgelog.tables.find"

--- What each command that has succeeded with such a partition says of it.
-- @param log a log
-- @string name of a table
-- @return what else --json tells, and the text; nothing where the table is no such partition
return function(log, name)
  local found = find.table(log.connection, "watch", name)
  local above = found and found.ancestor
  if not above then return end
  return { covered_by = above }, ("%s is covered by %s, which is watched"):format(name, above)
end
