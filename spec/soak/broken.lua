--- Broken builds: copies of this tree in which one rule is switched off. Each file of
-- spec/soak/broken is named for what it breaks, and returns `scenarios` (which prove the rule),
-- `rule` (what is switched off), `changes` (a list of `file`, `find`, `put`), `says` (a pattern of
-- what the scenario complains of then, or a list of some), and perhaps `commits` and `scale` (how
-- much that takes).
-- @module soak.broken
local process = require "support.process"
local support = require "support"

local broken = {}

local root = os.getenv("FORGELOG_ROOT")

--- The names of the Lua files in a folder of spec/soak.
function broken.names(folder)
  local list = {}
  local _, output = support.run(("ls %s"):format(process.quote(root .. "/spec/soak/" .. folder)))
  for name in output:gmatch("([%w_]+)%.lua\n") do list[#list + 1] = name end
  return list
end

--- The text of a file with a change made, which must fit it in one place.
-- @return the text; or nil and what is wrong
function broken.apply(text, change)
  local at, to = text:find(change.find, 1, true)
  if not at then return nil, "has no such text: " .. change.find end
  if text:find(change.find, to + 1, true) then return nil, "has it twice: " .. change.find end
  return text:sub(1, at - 1) .. change.put .. text:sub(to + 1)
end

--- Makes the copy.
-- @string name of the file
-- @string copy its folder's name
-- @treturn string its folder
function broken.copy(name, copy)
  local folder = root .. "/build/soak/" .. copy
  local version = os.getenv("FORGELOG_LUA_VERSION")
  -- What is built comes with its times, so that only what is changed is built again.
  local ok, _, errors = support.run(([[set -e; cd %s; rm -rf %s; mkdir -p %s/build
    cp -a Makefile src spec bin rockspec %s; [ ! -e build/%s ] || cp -a build/%s %s/build/
    for kept in build/postgres build/upgrade; do
      [ ! -e $kept ] || ln -s "$(realpath $kept)" %s/$kept
    done]]):format(process.quote(root), folder, folder, folder, version, version, folder, folder))
  assert(ok, errors)
  for _, change in ipairs(require("soak.broken." .. name).changes) do
    local path = folder .. "/" .. change.file
    local text, wrong = broken.apply(assert(support.read(path), "no file " .. path), change)
    support.write(path, text or error(change.file .. " " .. wrong, 0))
  end
  return folder
end

return broken
