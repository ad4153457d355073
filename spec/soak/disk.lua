--- A small disk in memory, which can be filled.
-- @module soak.disk
local support = require "support"

local disk = {}
disk.__index = disk

function disk:__close() support.run("umount --lazy " .. self.folder) end

--- Makes one.
-- @string size as mount takes it, such as "64k"
-- @return it, with its `folder`, to be kept in a variable that closes; or nil and why there is none
function disk.make(size)
  local folder = support.path("disk")
  local command = ("mkdir %s && mount -t tmpfs -o size=%s,mode=777 none %s"):format(folder, size,
    folder)
  local made, _, errors = support.run(command)
  if not made then return nil, "no disk can be mounted: " .. errors:match("[^\n]*") end
  return setmetatable({ folder = folder }, disk)
end

--- Fills it to the last byte.
function disk:fill() support.run("cat /dev/zero >" .. self.folder .. "/filling") end

--- Takes away what fills it.
function disk:free() assert(support.run("rm -f " .. self.folder .. "/filling")) end

return disk
