--- Checks of the log itself and what install makes of it.
-- @module forgelog.doctor.log
local install = require "forgelog.install"

local NEARLY_ALL = 0.8 -- the share of its numbers that a sequence may have given

-- Whether the table cannot serve as a log, loses rows by itself, or is locked; reports each.
local function flaws(run)
  local log, name, before = run.log, run:log_name(), #run.findings
  if log.missing_columns then
    run:error("missing_columns",
      ("%s has no column %s, which triggers write and consumers read"):format(name,
        log.missing_columns),
      run:command("install"))
  end
  if log.unlogged then
    run:error("unlogged", name .. " is an unlogged table, which a crash empties without a trace",
      ("ALTER TABLE %s SET LOGGED"):format(name))
  end
  if log.subscription then
    local message = "the subscription %s writes the changes of another server into %s, where they "
      .. "do not come in the order of their seqs: drain and follow refuse"
    run:error("subscriber", message:format(log.subscription, name),
      "read the log on that server, and leave it out of the publication")
  end
  if log.interfering then
    run:warning("interfering",
      ("%s on %s may keep changes out of the log"):format(log.interfering, name),
      "drop what is not meant to do that")
  end
  if log.locked_by then
    local message = "pid %d has locked %s, or waits to: writers and readers wait for it, and what "
      .. "is in the log was not looked at"
    run:warning("locked", message:format(log.locked_by, name),
      ("end it: SELECT pg_terminate_backend(%d)"):format(log.locked_by))
  end
  return #run.findings > before
end

-- There is no log where it is looked for.
local function no_log(run)
  local log, elsewhere = run.log, run.server.logs
  local what = log.schema_exists and "there is no table forge_change_log in schema "
    or "there is no schema "
  local advice = run:command("install")
  if elsewhere then
    advice = ("there is a log in schema %s: say so by --schema; or %s"):format(elsewhere, advice)
  elseif not log.schema_exists then
    advice = ("CREATE SCHEMA %s, then %s"):format(log.schema, advice)
  end
  run:error("no_log", what .. log.schema, advice)
end

local function log(run)
  if run.no_schema then
    local elsewhere = run.server.logs
    run:error("no_schema", run.no_schema.message, elsewhere
      and ("there is a log in schema %s: say so by --schema"):format(elsewhere)
      or "say which by --schema")
  elseif not run.log.exists then
    no_log(run)
  elseif not flaws(run) then
    run:ok("the log is " .. run:log_name())
  end
end

-- The names of the parts that install makes and that are not there.
local function lacking(installed)
  local list = {}
  for _, part in ipairs(installed.parts) do
    if not part.there then list[#list + 1] = part.name end
  end
  return table.concat(list, ", ")
end

-- Obstacles that another check, "sequence", reports.
local OF_SEQUENCE = { no_sequence = true, sequence_steps = true }

local function judge_install(run, installed)
  local facts, advice = run.log, run:command("install")
  if installed.obstacle and not OF_SEQUENCE[installed.obstacle_code] then
    return run:error(installed.obstacle_code, installed.obstacle, "see to that, then " .. advice)
  elseif not facts.has_state then
    return run:warning("plain_log", "this is a plain log: its gap test misses changes deleted from "
      .. "the middle, and no consumer can keep its position here", advice)
  elseif facts.missing_functions then
    local message = "the functions %s are missing: writes to watched tables fail, or trims do"
    return run:error("missing_functions", message:format(facts.missing_functions), advice)
  end
  local lacks = lacking(installed)
  if lacks ~= "" then
    return run:warning("incomplete", "missing, broken or of another version: " .. lacks, advice)
  elseif not installed.current then
    return run:warning("old_functions",
      "functions in the database are of an older version than this program", advice)
  end
  run:ok("all that install makes is there, and of this version")
end

local function check_install(run)
  if run.log.locked_by then return end -- it would wait
  local err
  run.installed, err = install.installed(run.conn)
  if not run.installed then return err end
  judge_install(run, run.installed)
end

local function guard(run)
  local facts = run.log
  if not facts.has_state then return end
  if facts.guards_hidden then
    local message = "row level security on %s binds the owner of the triggers on the log: a DELETE "
      .. "or TRUNCATE of the log fails, trims too"
    run:error("guards_hidden", message:format(facts.guards_hidden),
      ("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY"):format(
        (facts.guards_hidden:match("^[^,]+"))))
  end
  if not facts.missing_guards then
    return run:ok("each change deleted from the log leaves its mark")
  end
  local message = "the triggers %s on the log are missing, or not enabled always: a consumer that "
    .. "trims have passed by is not told"
  run:error("missing_guards", message:format(facts.missing_guards),
    run:command("install") .. ", which makes good what it can; then resync the consumers")
end

-- Whether the sequence was set back, so that it would give seqs a second time; reports it.
local function is_set_back(run, row)
  local sequence = run.log.sequence
  local highest = math.max(tonumber(row.trimmed_to), tonumber(row.largest or 0))
  if not row.last_given or tonumber(row.last_given) >= highest then return false end
  local message = "the sequence %s was set back to %.0f, below seq %.0f: writes fail, or seqs come "
    .. "twice; drain and follow refuse where the log has that seq"
  run:error("set_back", message:format(sequence, row.last_given, highest),
    ("SELECT setval('%s', %.0f), or %s; then resync"):format(sequence, highest,
      run:command("install")))
  return true
end

local function state(run)
  if not run.log.has_state or not run:readable() then return end
  local rows, err = run:ask("state", run.log.sequence)
  if not rows then return err end
  local row = rows[1]
  if not row then
    run.state_lost = true
    run:error("state_lost",
      "forge_change_log_state has lost its row: no gap can be told, so drain and follow refuse",
      run:command("install") .. ", then resync the consumers")
  elseif not is_set_back(run, row) then
    run:ok(("what was trimmed is known, up to seq %.0f"):format(row.trimmed_to))
  end
end

local function sequence(run)
  local facts = run.log
  local name = facts.sequence
  if not name then
    local advice = "ALTER TABLE %s ALTER seq SET DEFAULT nextval(...) of a sequence"
    run:error("no_sequence",
      "no sequence gives forge_change_log.seq its values: drain and follow refuse",
      advice:format(run:log_name()))
  elseif facts.increment ~= 1 or facts.cache ~= 1 then
    local message = "the sequence %s has CACHE %.0f and INCREMENT %.0f: seqs are given out of "
      .. "order, and drain and follow refuse"
    local advice = "ALTER SEQUENCE %s CACHE 1 INCREMENT 1; until then, resync rather than read on"
    run:error("sequence_steps", message:format(name, facts.cache, facts.increment),
      advice:format(name))
  elseif facts.cycles then
    local message = "the sequence %s begins again when it is used up, so seqs would come twice"
    run:error("sequence_cycles", message:format(name), ("ALTER SEQUENCE %s NO CYCLE"):format(name))
  elseif facts.used and facts.used > NEARLY_ALL then
    local message = "the sequence %s has given %.0f %% of its numbers; after the last one writes "
      .. "fail"
    local advice = "ALTER SEQUENCE %s AS bigint, and the column seq likewise"
    run:warning("sequence_used", message:format(name, facts.used * 100), advice:format(name))
  else
    run:ok(("the sequence %s gives its numbers one by one"):format(name))
  end
end

return {
  { "log", log },
  { "install", check_install, needs_log = true },
  { "guard", guard, needs_log = true },
  { "state", state, needs_log = true },
  { "sequence", sequence, needs_log = true },
}
