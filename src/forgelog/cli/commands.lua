--- The commands and their options: the one source of the parser, --help, the man page and the
-- completion. An option is { flags, help, arg = name of its argument (none: a flag), default,
-- choices, required, type = see `forgelog.cli.lib.parser`, args = how many, many = it may be given
-- several times, alone = not beside another such option, with = only with the flag of that name }.
-- @module forgelog.cli.commands

local tables = { "table", "a table, as SQL names it", args = "+" }

local names = { "name", "the consumer's name", args = "+" }

local schema = { "-s --schema", "where the log is (default: found by the search path)",
  arg = "<schema>" }

local settle = { "--settle", "longest wait for transactions that were open before",
  arg = "<duration>", type = "duration", default = "5s" }

-- What drain and follow share.
local stream = {
  { "--since", "where to begin when no position is saved: a seq, a position, 'beginning' (the "
    .. "default), 'now', a time such as 2026-11-24T10:00 (with Z or +02:00, or else by the local "
    .. "clock), or an age such as 2h",
    arg = "<position>", type = "since" },
  { "--limit", "end after so many changes", arg = "<n>", type = "count" },
  { "--tables", "these tables only, named as for watch or as in the log, in double quotes where "
    .. "a comma is in the name; may be given several times", arg = "<table>", args = "+",
    many = true },
  { "--channel", "rows of this table_name, which stands for no table; may be given several times",
    arg = "<name>", many = true },
  { "--op", "these only: insert, update, delete, truncate or reload; may be given several times",
    arg = "<op>", type = "ops", many = true },
  { "--column", "of UPDATEs those only that changed this column; may be given several times",
    arg = "<column>", many = true },
  { "--format", "text, json (one change a line) or tsv (as COPY reads it); "
    .. "default: text, for --exec json",
    arg = "<format>", choices = { "text", "json", "tsv" } },
  { "--name", "keep the position in the database under this name", arg = "<name>", alone = true },
  { "--position-file", "keep the position in this file", arg = "<file>", alone = true },
  { "--exec", "give each batch to a shell command on its standard input; where that fails, "
    .. "the batch is not saved and is tried again",
    arg = "<command>" },
  { "--batch", "most changes at once", arg = "<n>", type = "positive", default = 1000 },
}

local function with(list, ...)
  local all = {}
  for i, option in ipairs(list) do all[i] = option end
  for _, option in ipairs({ ... }) do all[#all + 1] = option end
  return all
end

return {
  name = "forgelog",
  summary = "the durable, loss-free change feed from PostgreSQL",
  description = "Sets up, reads, follows, trims and watches over the change log "
    .. "of a PostgreSQL database.",
  -- before or after the command
  options = {
    { "-h --host", "server or folder of its socket", arg = "<host>" },
    { "-p --port", "its port", arg = "<port>" },
    { "-U --username", "role", arg = "<role>" },
    { "-d --dbname", "database, or a connection string or URI", arg = "<dbname>" },
    { "-w --no-password", "never ask for a password" },
    { "-W --password", "ask for a password at once" },
    schema,
    { "--timeout", "longest time for a statement, and for connecting", arg = "<duration>",
      type = "duration" },
    { "--color", "when to colour", arg = "<when>", choices = { "auto", "always", "never" },
      default = "auto" },
    { "--verbose", "with an error also its kind, SQLSTATE and detail" },
  },
  { "install", "create the log and its functions, or bring them up to date", {
    { "--owner", "role that writes the log (default: forgelog where a superuser installs)",
      arg = "<role>" },
    { "--no-owner", "the role that installs writes the log itself" },
    { "--no-hstore", "without effect; forgelog needs no extension any more" },
  } },
  { "watch", "have the changes of tables logged", {
    tables,
    { "--ignore", "columns, with commas between: an UPDATE of nothing else is not logged; may be "
      .. "given several times", arg = "<columns>", type = "list", many = true },
    { "--keep", "column whose values are kept with each change; may be given several times",
      arg = "<column>", many = true },
    { "--no-notify", "never wake followers: for tables written under two-phase commit" },
    { "--unlogged", "also a table that a crash empties without a change in the log" },
  }, examples = { "forgelog watch orders customers --ignore updated_at",
    "forgelog watch users --keep name --keep email" } },
  { "unwatch", "have them logged no longer", { tables } },
  { "touch", "have every consumer read tables anew, for what no trigger can capture", { tables } },
  { "watched", "the tables that are watched, and whether their triggers are as they should be", {
    { "--json", "as JSON" },
  } },
  { "drain", "print what is settled after a position, in ascending seq, and end",
    with(stream, settle),
    examples = { "forgelog drain --since 1000 --format json | jq .row_id",
      "forgelog drain --name search "
      .. "--exec 'curl -sf --data-binary @- http://localhost:8000/changes'" } },
  { "follow", "print changes as they are committed, until Ctrl-C", with(stream,
    { "--poll", "time between looks when nothing wakes it", arg = "<duration>", type = "duration",
      default = "1s" },
    { "--no-listen", "behind a pooler in transaction mode: poll only, and take no session lock" }),
    examples = { "forgelog follow --since now",
      "forgelog follow --name mailer --exec ./send-mails" } },
  { "trim", "delete old changes, in short transactions, one trimmer at a time", {
    { "--older-than", "age from which changes are deleted, such as 90s, 15m, 1h, 7d",
      arg = "<duration>", type = "age", required = true },
    { "--min-rows", "newest changes kept whatever their age", arg = "<n>", type = "count",
      default = 1000 },
    { "--keep-consumers", "keep what a named consumer has not read yet" },
    { "--every", "trim again and again, until Ctrl-C", arg = "<duration>", type = "interval" },
    { "--dry-run", "only say what would be deleted" },
    { "--quiet", "say nothing when all went well" },
  }, examples = { "forgelog trim --older-than 7d --keep-consumers" } },
  { "status", "what the log holds, who writes, who reads, and who holds whom up", {
    { "--json", "as JSON", alone = true },
    { "--prometheus", "in Prometheus' text format", alone = true },
    { "--watch", "again and again, until Ctrl-C", alone = true },
    { "--interval", "time between two looks of --watch", arg = "<duration>", type = "interval",
      default = "2s" },
    { "--check", "for monitoring: print ok, or a line for each thing that is wrong with the log "
      .. "and its consumers, and end with 1", alone = true },
    { "--lag", "with --check: a consumer is wrong whose oldest change waits for longer",
      arg = "<duration>", type = "duration", with = "check" },
    { "--name", "with --check: this consumer, which has to be there; may be given several times",
      arg = "<name>", many = true, with = "check" },
  }, examples = { "forgelog status --watch", "forgelog status --check --lag 60s --timeout 5s",
    "forgelog status --prometheus >forgelog.prom.new && mv forgelog.prom.new forgelog.prom" } },
  { "doctor", "check all that makes the feed lose its promise or its speed, and say what to do", {
    { "--older-than", "age of changes that a trim should have deleted", arg = "<duration>",
      type = "duration", default = "24h" },
    { "--json", "as JSON" },
    { "--quiet", "only what is wrong" },
  } },
  { "position", "the position to go on from after a reload that begins now", { settle },
    examples = {
      "position=$(forgelog position) && ./reload && forgelog follow --since \"$position\"" } },
  { "forget", "remove the saved position of named consumers", { names } },
  { "rewind", "have a named consumer that is stopped go on from another position", {
    { "name", "the consumer's name" },
    { "position", "a seq, a position, 'beginning', 'now', a time such as 2026-11-24T10:00, or an "
      .. "age such as 2h: as --since of drain", type = "place" },
    settle,
  }, examples = { "forgelog rewind search 2026-11-24T10:00" } },
  { "pause", "have named consumers rest until resume, whether they run or start later", { names },
    examples = { "forgelog pause search && ./maintain && forgelog resume search" } },
  { "resume", "have named consumers go on that were paused", { names } },
  { "lanes", "tell how many lanes a named consumer has, or give it another number of them", {
    { "name", "the consumer's name" },
    { "number", "how many from now on (1: none); all its programs have to be stopped",
      args = "?", type = "lanes" },
  }, examples = { "forgelog lanes search 8" } },
  { "parked", "the changes that a consumer could not handle, and those that wait behind them", {
    { "name", "the consumer's name" },
    { "--format", "text, json (one change a line) or tsv", arg = "<format>",
      choices = { "text", "json", "tsv" }, default = "text" },
  } },
  { "retry", "have a consumer try parked changes again", {
    { "name", "the consumer's name" },
    { "seq", "one of them, as parked prints it, and those of its row before it; default: all",
      args = "?", type = "parked" },
  } },
  { "skip", "have a consumer never handle a parked change", {
    { "name", "the consumer's name" },
    { "seq", "the change, as parked prints it", type = "parked" },
  } },
  { "backfill", "have a consumer read a table from end to end beside its feed, as changes with the "
    .. "op READ", {
    { "name", "the consumer's name" },
    { "--table", "the table, as SQL names it or as in the log", arg = "<table>", required = true },
    { "--from", "only rows behind this key: a row_id", arg = "<key>", alone = true },
    { "--pause", "read it no further for now", alone = true },
    { "--resume", "go on with it", alone = true },
    { "--cancel", "read it no more", alone = true },
  }, examples = { "forgelog backfill search --table orders" } },
  { "completion", "a shell's completion script", {
    { "shell", "bash or zsh", choices = { "bash", "zsh" } },
  }, examples = { "source <(forgelog completion bash)" } },
  { "man", "this command's man page, as roff", {}, examples = { "forgelog man | man -l -" } },
  status = {
    { "0", "done; also when a signal ended what only a signal ends" },
    { "1", "failed; status --check: something is wrong" },
    { "2", "wrong usage" },
    { "3", "doctor: warnings" },
    { "4", "doctor: something makes the promise fail" },
    { "130, 143", "a signal came before it was done" },
  },
}
