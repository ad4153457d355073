rockspec_format = "3.0"
package = "forgelog-cli"
version = "scm-1"

source = {
  url = "git+https://github.com/forgelog/forgelog.git",
  branch = "main",
}

description = {
  summary = "The command of forgelog, a change feed from PostgreSQL",
  detailed = [[
The command forgelog sets up a log of changes in PostgreSQL, prints them and gives them to
programs, trims the log and reports how it is doing.]],
  homepage = "https://github.com/forgelog/forgelog",
  license = "MIT",
  labels = { "postgresql", "database", "cdc" },
}

supported_platforms = { "unix" }

dependencies = { "lua >= 5.1, < 5.5, ~= 5.2", "forgelog == scm", "argparse >= 0.7" }

build = {
  type = "builtin",
  modules = {
    ["forgelog.cli"] = "src/forgelog/cli.lua",
    ["forgelog.cli.backfill"] = "src/forgelog/cli/backfill.lua",
    ["forgelog.cli.commands"] = "src/forgelog/cli/commands.lua",
    ["forgelog.cli.completion"] = "src/forgelog/cli/completion.lua",
    ["forgelog.cli.doctor"] = "src/forgelog/cli/doctor.lua",
    ["forgelog.cli.drain"] = "src/forgelog/cli/drain.lua",
    ["forgelog.cli.follow"] = "src/forgelog/cli/follow.lua",
    ["forgelog.cli.forget"] = "src/forgelog/cli/forget.lua",
    ["forgelog.cli.help"] = "src/forgelog/cli/help.lua",
    ["forgelog.cli.install"] = "src/forgelog/cli/install.lua",
    ["forgelog.cli.lanes"] = "src/forgelog/cli/lanes.lua",
    ["forgelog.cli.lib.connect"] = "src/forgelog/cli/lib/connect.lua",
    ["forgelog.cli.lib.context"] = "src/forgelog/cli/lib/context.lua",
    ["forgelog.cli.lib.covered"] = "src/forgelog/cli/lib/covered.lua",
    ["forgelog.cli.lib.each"] = "src/forgelog/cli/lib/each.lua",
    ["forgelog.cli.lib.errors"] = "src/forgelog/cli/lib/errors.lua",
    ["forgelog.cli.lib.fields"] = "src/forgelog/cli/lib/fields.lua",
    ["forgelog.cli.lib.format"] = "src/forgelog/cli/lib/format.lua",
    ["forgelog.cli.lib.health"] = "src/forgelog/cli/lib/health.lua",
    ["forgelog.cli.lib.json"] = "src/forgelog/cli/lib/json.lua",
    ["forgelog.cli.lib.overview"] = "src/forgelog/cli/lib/overview.lua",
    ["forgelog.cli.lib.parked_line"] = "src/forgelog/cli/lib/parked_line.lua",
    ["forgelog.cli.lib.parser"] = "src/forgelog/cli/lib/parser.lua",
    ["forgelog.cli.lib.shell"] = "src/forgelog/cli/lib/shell.lua",
    ["forgelog.cli.lib.sink"] = "src/forgelog/cli/lib/sink.lua",
    ["forgelog.cli.lib.steps"] = "src/forgelog/cli/lib/steps.lua",
    ["forgelog.cli.lib.stream"] = "src/forgelog/cli/lib/stream.lua",
    ["forgelog.cli.lib.terminal"] = "src/forgelog/cli/lib/terminal.lua",
    ["forgelog.cli.lib.waiter"] = "src/forgelog/cli/lib/waiter.lua",
    ["forgelog.cli.man"] = "src/forgelog/cli/man.lua",
    ["forgelog.cli.next"] = "src/forgelog/cli/next.lua",
    ["forgelog.cli.parked"] = "src/forgelog/cli/parked.lua",
    ["forgelog.cli.pause"] = "src/forgelog/cli/pause.lua",
    ["forgelog.cli.position"] = "src/forgelog/cli/position.lua",
    ["forgelog.cli.resume"] = "src/forgelog/cli/resume.lua",
    ["forgelog.cli.retry"] = "src/forgelog/cli/retry.lua",
    ["forgelog.cli.rewind"] = "src/forgelog/cli/rewind.lua",
    ["forgelog.cli.skip"] = "src/forgelog/cli/skip.lua",
    ["forgelog.cli.status"] = "src/forgelog/cli/status.lua",
    ["forgelog.cli.touch"] = "src/forgelog/cli/touch.lua",
    ["forgelog.cli.trim"] = "src/forgelog/cli/trim.lua",
    ["forgelog.cli.unwatch"] = "src/forgelog/cli/unwatch.lua",
    ["forgelog.cli.version"] = "src/forgelog/cli/version.lua",
    ["forgelog.cli.watch"] = "src/forgelog/cli/watch.lua",
    ["forgelog.cli.watched"] = "src/forgelog/cli/watched.lua",
  },
  install = {
    bin = { forgelog = "bin/forgelog" },
  },
  copy_directories = {},
}

test_dependencies = { "argparse", "busted", "cqueues", "dkjson", "luasocket", "luv" }
test = { type = "command", script = "spec/support/rock.lua", flags = { "spec/cli" } }
