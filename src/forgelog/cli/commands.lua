--- The commands and their options: the one source of the parser, --help, the man page and the
-- completion. A command is { name, what it does, options, examples = lines for the shell, json =
-- what --json prints (nil: the command prints no data) }. An option is { flags, help, arg = name of
-- its argument (none: a flag), default, choices, values = what completion offers, file = whether
-- that are files, required, type = see `forgelog.cli.lib.parser`, args = how many, many = it may be
-- given several times, alone = not beside another such option, with = only with the flag of that
-- name, no_json = not beside --json, empty = may be an empty text }.
-- @module forgelog.cli.commands

local OPS = { "insert", "update", "delete", "truncate", "reload" }

local tables = { "table", "a table, as SQL names it", args = "+" }

local names = { "name", "the consumer's name", args = "+", type = "consumer" }

local name = { "name", "the consumer's name", type = "consumer" }

local schema = { "-s --schema", "schema of the log; default: found by the search path",
  arg = "<schema>" }

local settle = { "--settle", "how long to wait for transactions that were open before",
  arg = "<duration>", type = "duration", default = "5s" }

local PLACE = "'beginning', 'now', a seq, a position, a time such as 2026-11-24T10:00, or an age "
  .. "such as 2h"

local format = { "--format", "text (default), json (one change a line), or tsv (for COPY)",
  arg = "<format>", choices = { "text", "json", "tsv" }, no_json = true }

-- What drain and follow share.
local stream = {
  { "--since", "where to begin when no position is saved (default: the beginning): " .. PLACE,
    arg = "<position>", type = "place", values = { "beginning", "now" } },
  { "--limit", "end after so many changes", arg = "<n>", type = "count" },
  { "--tables", "only these tables; a name with a comma in it stands in double quotes",
    arg = "<table>", args = "+", many = true },
  { "--op", "only these: insert, update, delete, truncate, reload; several with commas between",
    arg = "<op>", type = "ops", many = true, values = OPS },
  { "--column", "of the UPDATEs only those that change this column", arg = "<column>",
    many = true },
  { "--key", "only rows with this primary key, as row_id has it; TRUNCATE and RELOAD concern "
    .. "every row, and come too", arg = "<key>", many = true, empty = true },
  { "--channel", "rows that programs write to the log under this name, which is no table's",
    arg = "<name>", many = true },
  format,
  { "--name", "keep the position in the database, under this name", arg = "<name>",
    type = "consumer", alone = true },
  { "--position-file", "keep the position in this file", arg = "<file>", alone = true,
    file = true },
  { "--exec", "run this for each batch, with the changes as JSON on its standard input; the "
    .. "position is saved when it succeeds, and the batch comes again when it fails",
    arg = "<command>", file = true },
  { "--batch", "most changes at once", arg = "<n>", type = "positive", default = 1000 },
}

local CHANGES = "a line for each change: seq, table_name, op, row_id, changed_cols, created_at, "
  .. "and txid, context, old, new, omitted, key_cols where they have a value"

local PARKED = CHANGES .. ", and attempts, waits, retry, parked_at, error"

local COVERED = "a line for each table: table, changed, and covered_by (the watched table above a "
  .. "partition)"

local function with(list, ...)
  local all = {}
  for i, option in ipairs(list) do all[i] = option end
  for _, option in ipairs({ ... }) do all[#all + 1] = option end
  return all
end

return {
  name = "forgelog",
  summary = "the durable change feed from PostgreSQL, which misses nothing silently",
  description = "Sets up, reads, follows, trims and watches over the change log "
    .. "of a PostgreSQL database. Without a command it says how far that is with this database, "
    .. "and what to type next.",
  ops = OPS,
  -- before or after the command
  options = {
    { "-h --host", "server, or the folder of its socket", arg = "<host>" },
    { "-p --port", "its port", arg = "<port>" },
    { "-U --username", "role", arg = "<role>" },
    { "-d --dbname", "database, or a connection string or URI", arg = "<dbname>" },
    { "-w --no-password", "never ask for a password" },
    { "-W --password", "ask for a password at once" },
    schema,
    { "--timeout", "longest time for connecting, and for each statement", arg = "<duration>",
      type = "duration" },
    { "--json", "print JSON, one value a line; errors too" },
    { "--color", "when to colour", arg = "<when>", choices = { "auto", "always", "never" },
      default = "auto" },
    { "--verbose", "with an error also its kind and SQLSTATE" },
  },
  { "install", "create the log and its functions, or bring them up to date", {
    { "--owner", "role that writes the log; it is made if there is none of that name; default, for "
      .. "a superuser: forgelog", arg = "<role>", alone = true },
    { "--no-owner", "the role that installs writes the log itself", alone = true },
    { "--no-hstore", "without effect; forgelog needs no extension any more" },
  }, examples = { "forgelog install" },
    json = "an object: schema, changed, parts (a list of code, name, there and created), owner, "
      .. "own_trigger, own_trimmer" },
  { "watch", "log the changes of tables", {
    tables,
    { "--ignore", "columns, with commas between: an UPDATE of nothing else is not logged",
      arg = "<columns>", type = "list", many = true },
    { "--keep", "columns, with commas between: their values are kept with each change",
      arg = "<columns>", type = "list", many = true },
    { "--no-notify", "never wake followers: for tables written under two-phase commit" },
    { "--unlogged", "also a table that a crash empties without a change in the log" },
  }, examples = { "forgelog watch orders customers --ignore updated_at",
    "forgelog watch users --keep name,email" },
    json = COVERED },
  { "unwatch", "stop logging the changes of tables", { tables },
    examples = { "forgelog unwatch customers" },
    json = COVERED },
  { "touch", "make every consumer read tables again, after a change no trigger sees", { tables },
    examples = { "forgelog touch orders" },
    json = "a line for each table: table, changed, seq (of the RELOAD)" },
  { "watched", "list the watched tables, and what is wrong with their triggers", {},
    examples = { "forgelog watched" },
    json = "a list, of each table: name, schema, table, level, key, keep, ignore, notify, missing, "
      .. "altered, uncovered, gone, key_changed, healthy, wrong" },
  { "drain", "print the changes after a position, in ascending seq, and end",
    with(stream, settle),
    examples = { "forgelog drain --since 2h --op insert,delete",
      "forgelog drain --name search --exec ./index-changes" },
    json = CHANGES },
  { "follow", "print changes as they are committed, until Ctrl-C", with(stream,
    { "--poll", "time between looks when nothing wakes it", arg = "<duration>", type = "duration",
      default = "1s" },
    { "--no-listen", "behind a pooler in transaction mode: poll only, and take no session lock" }),
    examples = { "forgelog follow --since now --tables orders --column total",
      "forgelog follow --key 4711 --json",
      "forgelog follow --name mailer --exec ./send-mails" },
    json = CHANGES },
  { "trim", "delete old changes, in short transactions", {
    { "--older-than", "age from which changes are deleted, such as 90s, 15m, 1h, 7d; without a "
      .. "unit, seconds", arg = "<duration>", type = "duration", required = true },
    { "--min-rows", "newest changes kept whatever their age", arg = "<n>", type = "count",
      default = 1000 },
    { "--keep-consumers", "keep what a named consumer has not read yet" },
    { "--every", "trim again and again, until Ctrl-C", arg = "<duration>", type = "interval" },
    { "--dry-run", "only say what would be deleted" },
    { "--quiet", "say nothing when all went well" },
  }, examples = { "forgelog trim --older-than 7d --keep-consumers",
    "forgelog trim --older-than 7d --every 5m --quiet" },
    json = "an object: deleted, first, last, older_than, dry_run, busy, seconds, remaining, "
      .. "remaining_exact, min_seq, max_seq, left_behind and kept_for (lists of name and "
      .. "position), kept" },
  { "status", "show what the log holds, who writes and reads it, and who blocks whom", {
    { "--prometheus", "in Prometheus' text format", alone = true, no_json = true },
    { "--watch", "again and again, until Ctrl-C", alone = true },
    { "--interval", "with --watch: time between two looks; default: 2s", arg = "<duration>",
      type = "interval", with = "watch" },
    { "--check", "for monitoring: print ok, or a line for each thing that is wrong with the log "
      .. "and its consumers, and end with 1", alone = true },
    { "--lag", "with --check: how long the oldest change of a consumer may wait",
      arg = "<duration>", type = "duration", with = "check" },
    { "--name", "with --check: only this consumer, which has to be there",
      arg = "<name>", many = true, with = "check" },
  }, examples = { "forgelog status --watch", "forgelog status --check --lag 60s --timeout 5s",
    "forgelog status --prometheus >forgelog.prom.new && mv forgelog.prom.new forgelog.prom" },
    json = "an object, all that log:status() returns: at, database, schema, server_version, "
      .. "standby, replay, installed, rows, rows_exact, min_seq, max_seq, trimmed_to, oldest_age, "
      .. "write_rate, retention, bytes, dead_rows, horizon, above_horizon, horizon_error, writers, "
      .. "consumers, consumers_error, parked_error, backfills_error, tables, lost; "
      .. "with --check: ok, wrong (a list of texts)" },
  { "doctor", "find what may break the feed or slow it down, and say what to do", {
    { "--older-than", "age of changes that a trim should have deleted", arg = "<duration>",
      type = "duration", default = "24h" },
    { "--quiet", "only what is wrong" },
  }, examples = { "forgelog doctor --quiet" },
    json = "a list, of each finding: check, severity (ok, note, warning, error), message, advice, "
      .. "code" },
  { "position", "print the position to go on from after a reload that begins now", { settle },
    examples = {
      "position=$(forgelog position) && ./reload && forgelog follow --since \"$position\"" },
    json = "an object: position" },
  { "forget", "delete the saved position of consumers", {
    { "name", "the consumer's name", args = "+" },
  },
    examples = { "forgelog forget search" },
    json = "a line for each consumer: consumer, changed, position (which it had)" },
  { "rewind", "have a stopped consumer go on from another position", {
    name,
    { "position", PLACE, type = "place", values = { "beginning", "now" } },
    settle,
  }, examples = { "forgelog rewind search 2h" },
    json = "an object: consumer, position, was" },
  { "pause", "stop consumers until resume, also those that start later", { names },
    examples = { "forgelog pause search && ./maintain && forgelog resume search" },
    json = "a line for each consumer: consumer, changed" },
  { "resume", "let paused consumers go on", { names },
    examples = { "forgelog resume search" },
    json = "a line for each consumer: consumer, changed" },
  { "lanes", "show how many lanes a consumer is divided into, or change that", {
    name,
    { "number", "how many from now on (1: undivided); all its programs have to be stopped",
      args = "?", type = "lanes" },
  }, examples = { "forgelog lanes search 8" },
    json = "an object: consumer, lanes, was, position" },
  { "parked", "list the changes that a consumer could not handle, and those behind them", {
    name, format,
  }, examples = { "forgelog parked search" },
    json = PARKED },
  { "retry", "try parked changes again", {
    name,
    { "seq", "one of them, as parked prints it, and those of its row before it; default: all",
      args = "?", type = "parked" },
  }, examples = { "forgelog retry search" },
    json = "an object: consumer, changes (how many)" },
  { "skip", "give up a parked change: its consumer never handles it", {
    name,
    { "seq", "the change, as parked prints it", type = "parked" },
  }, examples = { "forgelog skip search 4711" },
    json = PARKED },
  { "backfill", "have a consumer read a whole table beside its feed", {
    name,
    { "--table", "the table, as SQL names it or as in the log", arg = "<table>", required = true },
    { "--from", "only rows behind this key: a row_id", arg = "<key>", alone = true },
    { "--pause", "read it no further for now", alone = true },
    { "--resume", "go on with it", alone = true },
    { "--cancel", "read it no more", alone = true },
  }, examples = { "forgelog backfill search --table orders" },
    json = "an object: consumer, table, asked (read, pause, resume or cancel), from, whole, "
      .. "estimate" },
  { "completion", "print a shell's completion script", {
    { "shell", "bash or zsh", choices = { "bash", "zsh" } },
  }, examples = { "source <(forgelog completion bash)" } },
  { "man", "print this command's man page, as roff", {}, examples = { "forgelog man | man -l -" } },
  { "help", "print the help of forgelog, or of one command", {
    { "topic", "that command; default: forgelog itself", args = "?" },
  }, examples = { "forgelog help trim" } },
  { "version", "print the version", {}, examples = { "forgelog version" } },
  json = "an object: state (unreachable, unreadable, not_installed, not_watched or watched), next "
    .. "(a list of commands), and what is known of: error, hint, database, role, may_create, "
    .. "may_trim, may_save, schema, schema_exists, creators (who else may create objects there), "
    .. "server_version, standby, logs (other schemas that have one), installed, rows, "
    .. "rows_exact, oldest_age, bytes, trims, tables, candidates, consumers, consumers_error, "
    .. "doctor (error and warning, how many, and lists of checks and codes)",
  errors_as_json = "an object for each line on standard error: error, kind, code, sqlstate, "
    .. "retryable and hint of a failure, or note",
  status = {
    { "0", "done; also when a signal ended what only a signal ends, such as follow" },
    { "1", "failed; status --check: something is wrong" },
    { "2", "wrong usage" },
    { "3", "doctor: warnings" },
    { "4", "doctor: something makes the promise fail" },
    { "130, 143", "a signal came before it was done" },
  },
}
