-- forgelog completion: the scripts by which bash and zsh complete its arguments, in real shells:
-- each runs in a terminal, where the words are typed and Tab is pressed.
local command = require "support.command"
local process = require "support.process"
local support = require "support"
local terminal = require "support.terminal"

-- Words that are typed, and what they have become after Tab.
local CASES = {
  { "forgelog fol", "forgelog follow" },
  { "forgelog trim --older", "forgelog trim --older-than" },
  { "forgelog --sch", "forgelog --schema" },
  { "forgelog watch orders --unl", "forgelog watch orders --unlogged" },
  { "forgelog drain --op trun", "forgelog drain --op truncate" },
  { "forgelog follow --op rel", "forgelog follow --op reload" },
  { "forgelog drain --format js", "forgelog drain --format json" },
  { "forgelog follow --since beg", "forgelog follow --since beginning" },
  { "forgelog status --color al", "forgelog status --color always" },
}

-- Starts a shell that knows the command and its completion, and types.
local function completes(line)
  local shell = terminal.start(line)
  local ok, wrong = pcall(function()
    shell:expect("READY *\n")
    for _, case in ipairs(CASES) do
      shell:type(case[1], "Tab")
      shell:expect("READY " .. case[2]:gsub("%p", "%%%0") .. "%s")
      shell:type("C-u")
      shell:expect("READY *\n")
    end
  end)
  shell:close()
  if not ok then error(wrong, 0) end
end

describe("forgelog completion", function()
  local bin = command.prefix() .. "/bin"

  it("completes commands, options and their values in bash", function()
    local rc = process.file(([[
PATH=%s:$PATH
PS1='READY '
source <(forgelog completion bash)
]]):format(process.quote(bin)))
    completes("bash --noprofile --rcfile " .. rc .. " -i")
  end)

  it("completes them in zsh, as a script that is sourced and as a file of fpath", function()
    local home, functions = support.path("zsh"), support.path("functions")
    assert(support.run(("mkdir -p %s %s && %s/forgelog completion zsh >%s/_forgelog"):format(home,
      functions, bin, functions)))
    for _, way in ipairs({ "autoload -Uz compinit && compinit -D -u; "
      .. "source <(forgelog completion zsh)",
      "fpath=(" .. functions .. " $fpath); autoload -Uz compinit && compinit -D -u" }) do
      support.write(home .. "/.zshrc", ("PATH=%s:$PATH\n%s\nPS1='READY '\n"):format(bin, way))
      completes("ZDOTDIR=" .. home .. " zsh -i")
    end
  end)
end)
