-- The command 'busted' for whichever interpreter runs this file. It has each spec file load its
-- modules anew; luv must not be loaded twice in one Lua, so it is loaded before.
pcall(require, "luv")
-- Closing the state of LuaJIT while luv has handles left waits for them, and may crash: a spec
-- that is over needs neither.
if rawget(_G, "jit") then
  local exit = os.exit
  rawset(os, "exit", function(code)
    io.stdout:flush()
    exit(code or 0)
  end)
end
require "busted.runner" { standalone = false }
