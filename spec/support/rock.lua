-- What 'luarocks test' runs: the specs of a rock, on the Lua for which LuaRocks is called; other
-- files or folders where they are named behind the rockspec and "--".
local version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")
local specs = arg[2] and table.concat(arg, " ", 2) or arg[1]
local ok = os.execute(("exec make -s check c_specs= LUA_VERSION=%s SPECS='%s'"):format(version,
  specs))
os.exit((ok == true or ok == 0) and 0 or 1)
