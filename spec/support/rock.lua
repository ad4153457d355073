-- What 'luarocks test' runs: the specs of a rock, on the Lua for which LuaRocks is called. What
-- follows the name of the rockspec goes to make, such as SPECS=spec/api/key_spec.lua.
local version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")
local words = { "exec make -s check c_specs= LUA_VERSION=" .. version }
for _, word in ipairs(arg) do words[#words + 1] = "'" .. word:gsub("'", [['\'']]) .. "'" end
local ok = os.execute(table.concat(words, " "))
os.exit((ok == true or ok == 0) and 0 or 1)
