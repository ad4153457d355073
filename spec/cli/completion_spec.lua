-- forgelog completion: the scripts with which bash and zsh complete its arguments.
local command = require "support.command"
local process = require "support.process"
local support = require "support"

describe("forgelog completion", function()
  local db = support.conninfo()

  it("completes in bash", function()
    local script = command.says(db, "complete %-F _forgelog", "completion bash")
    local file = process.file(script .. [[

COMP_WORDS=(forgelog fol)
COMP_CWORD=1
_forgelog
echo "${COMPREPLY[@]}"
COMP_WORDS=(forgelog trim --old)
COMP_CWORD=2
_forgelog
echo "${COMPREPLY[@]}"
]])
    local _, answer, errors = support.run("bash " .. file)
    assert.equal("follow\n--older-than\n", answer, errors)
  end)

  it("completes in zsh", function() command.says(db, "^#compdef forgelog", "completion zsh") end)
end)
