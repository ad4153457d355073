-- forgelog man: the man page, as it is installed.
local command = require "support.command"
local support = require "support"

describe("the man page", function()
  it("names all that --help names", function()
    local file = command.prefix() .. "/share/man/man1/forgelog.1"
    local ok, page, errors = support.run(("man -l --warnings %s | col -b"):format(file))
    assert.is_true(ok)
    assert.equal("", errors)
    page = page:gsub("‐\n%s*", ""):gsub("%s+", " ")
    local count = 0
    for name in ("install watch drain follow trim status doctor"):gmatch("%a+") do
      local help = command.says(support.conninfo(), "", name .. " --help")
      for option in help:gmatch("\n   (%-%-[%a-]+)") do
        count = count + 1
        assert.truthy(option == "--help" or page:find(option, 1, true), option)
      end
    end
    assert.is_true(count > 25)
    assert.matches("EXIT STATUS.*doctor: warnings", page)
  end)
end)
