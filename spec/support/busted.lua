-- The command 'busted' for whichever interpreter runs this file. It has each spec file load its
-- modules anew; luv must not be loaded twice in one Lua, so it is loaded before.
pcall(require, "luv")
require "busted.runner" { standalone = false }
