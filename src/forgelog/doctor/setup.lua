--- Checks of the log itself and what install makes of it.
-- @module forgelog.doctor.setup
local database = require "forgelog.database"

-- The table that is no log, or is one that loses rows by itself.
local function flaws(run)
  local place, found = run.place, false
  local function add(severity, ...)
    found = true
    run[severity](run, "log", ...)
  end
  local name = place.schema .. ".forge_change_log"
  if place.lacks then
    add("error", ("%s has no column %s, so it cannot be read"):format(name, place.lacks), run:command("install"))
  end
  if place.unlogged then
    add("error", ("%s is an unlogged table, which a crash empties without a trace"):format(name),
      ("ALTER TABLE %s SET LOGGED"):format(name))
  end
  if place.meddling then
    add("warning", ("%s on %s may keep changes out of the log"):format(place.meddling, name), "drop what is not meant to do that")
  end
  if place.locked_by then
    add("warning", ("pid %d has locked %s, or waits to: writers and readers wait for it, and what is in the log was not "
      .. "looked at"):format(place.locked_by, name), ("end it: SELECT pg_terminate_backend(%d)"):format(place.locked_by))
  end
  return found
end

local function log(run)
  local place = run.place
  if run.nowhere then
    return run:error("log", run.nowhere.message, run.server.logs
      and ("there is a log in schema %s: say so by --schema"):format(run.server.logs) or "say which by --schema")
  elseif not place.log then
    local what = place.there and "there is no table forge_change_log in schema " or "there is no schema "
    return run:error("log", what .. place.schema, run.server.logs
      and ("there is a log in schema %s: say so by --schema; or %s"):format(run.server.logs, run:command("install"))
      or (place.there and "" or ("CREATE SCHEMA %s, then "):format(place.schema)) .. run:command("install"))
  end
  if not flaws(run) then run:ok("log", ("the log is %s.forge_change_log"):format(place.schema)) end
end

-- The parts that a log:installed() lacks.
local function lacking(found)
  local list = {}
  for _, part in ipairs(found.parts) do
    if not (part.there or part.name:find("hstore", 1, true)) then list[#list + 1] = part.name end
  end
  return table.concat(list, ", ")
end

local function about_sequence(obstacle)
  return obstacle:find("^the sequence ") or obstacle:find("^no sequence ")
end

local function has_hstore(run) return run.installed.parts[#run.installed.parts].there end

-- Whether install would but make the capture functions anew, for the extension that there is.
local function hstore_only(run)
  return run.place.other_hstore or run.installed.capture == "jsonb" and has_hstore(run)
end

local function install(run)
  local place, found = run.place, run.installed
  local advice = run:command("install")
  if found.obstacle and not about_sequence(found.obstacle) then
    return run:error("install", found.obstacle, "see to that, then " .. advice)
  elseif not place.state then
    return run:warning("install", "this is a plain log: its gap test misses changes deleted from the middle, and no consumer "
      .. "can keep its position here", advice)
  elseif place.functions_lacking then
    return run:error("install", ("the functions %s are missing: writes to watched tables fail, or trims do"):format(
      place.functions_lacking), advice)
  end
  local lacks = lacking(found)
  if lacks ~= "" then return run:warning("install", "missing, broken or of another version: " .. lacks, advice) end
  if not (found.current or hstore_only(run)) then
    return run:warning("install", "functions in the database are of an older version than this program", advice)
  end
  run:ok("install", "all that install makes is there, and of this version")
end

local function guard(run)
  if not run.place.state then return end
  if not run.place.unguarded then return run:ok("guard", "each change deleted from the log leaves its mark") end
  run:error("guard", ("the triggers %s on the log are missing or disabled: a consumer that trims have passed by is not told")
    :format(run.place.unguarded), run:command("install") .. ", which makes good what it can; then resync the consumers")
end

-- Seqs that the sequence would give a second time.
local function set_back(run, row)
  local highest = math.max(tonumber(row.trimmed_to), tonumber(row.largest or 0))
  if not row.last or tonumber(row.last) >= highest then return false end
  run:error("state", ("the sequence %s was set back to %.0f, below seq %.0f: writes fail, or seqs come twice"):format(
    run.place.sequence, row.last, highest), ("SELECT setval('%s', %.0f); then resync"):format(run.place.sequence, highest))
  return true
end

local function state(run)
  local place = run.place
  if not place.state or not run:readable("state") then return end
  local row, err = database.one(run.log, database.sql("doctor_state", { schema = place.schema }), place.sequence)
  if err then return err end
  if not row then
    place.stateless = true
    run:error("state", "forge_change_log_state has lost its row: no gap can be told, so drain and follow refuse",
      run:command("install") .. ", then resync the consumers")
  elseif not set_back(run, row) then
    run:ok("state", ("what was trimmed is known, up to seq %.0f"):format(row.trimmed_to))
  end
end

local function limits(run)
  local place = run.place
  if place.cycles then
    run:error("sequence", ("the sequence %s begins again when it is used up, so seqs would come twice"):format(place.sequence),
      ("ALTER SEQUENCE %s NO CYCLE"):format(place.sequence))
  elseif place.used and place.used > 0.8 then
    run:warning("sequence", ("the sequence %s has given %.0f %% of its numbers; after the last one writes fail"):format(
      place.sequence, place.used * 100), ("ALTER SEQUENCE %s AS bigint, and the column seq likewise"):format(place.sequence))
  else
    run:ok("sequence", ("the sequence %s gives its numbers one by one"):format(place.sequence))
  end
end

local function sequence(run)
  local place = run.place
  if not place.sequence then
    return run:error("sequence", "no sequence gives forge_change_log.seq its values: drain and follow refuse",
      ("ALTER TABLE %s.forge_change_log ALTER seq SET DEFAULT nextval(...) of a sequence"):format(place.schema))
  elseif place.step ~= 1 or place.cache ~= 1 then
    return run:error("sequence", ("the sequence %s has CACHE %.0f and INCREMENT %.0f: seqs are given out of order, and drain and "
      .. "follow refuse"):format(place.sequence, place.cache, place.step),
      ("ALTER SEQUENCE %s CACHE 1 INCREMENT 1; until then, resync rather than read on"):format(place.sequence))
  end
  limits(run)
end

local SLOW = "capture of UPDATEs takes twice as long as by hstore"

local function hstore(run)
  local found = run.installed
  if not found.capture then return end
  local advice = run:command("install")
  if not has_hstore(run) then
    local was = found.capture == "hstore" and "the extension hstore was dropped" or "there is no extension hstore"
    return run:warning("hstore", ("%s: %s"):format(was, SLOW), run.server.hstore_available
      and "CREATE EXTENSION hstore, then " .. advice
      or "install PostgreSQL's contrib modules on the server, CREATE EXTENSION hstore, then " .. advice)
  elseif found.capture == "jsonb" then
    return run:warning("hstore", "the capture functions were made without the extension hstore: " .. SLOW, advice)
  elseif run.place.other_hstore then
    return run:warning("hstore", "the extension hstore is another one than the capture functions were made for: " .. SLOW, advice)
  end
  run:ok("hstore", "UPDATEs are captured by hstore")
end

-- What needs a log.
local function of_log(test)
  return function(run)
    if run.place.log then return test(run) end
  end
end

local function installed(run)
  local err
  if run.place.locked_by then return end -- it would wait
  run.installed, err = run.log:installed()
  if not run.installed then return err end
  return install(run)
end

return {
  { "log", log }, { "install", of_log(installed) }, { "guard", of_log(guard) }, { "state", of_log(state) },
  { "sequence", of_log(sequence) },
  { "hstore", of_log(function(run) return run.installed and hstore(run) end) },
}
