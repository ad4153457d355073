-- The command 'busted' for whichever interpreter runs this file.
require "busted.runner" { standalone = false }
