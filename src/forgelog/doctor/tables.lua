--- Checks of the tables whose changes are logged.
-- @module forgelog.doctor.tables
local inspect = require "forgelog.tables.inspect"
local remembered = require "forgelog.tables.remembered"
local units = require "forgelog.units"

-- Adds an option of columns to the words of a command, as the command reads such a list.
local function add_columns(words, option, columns)
  local names = {}
  for i, name in ipairs(columns) do
    local plain = not name:find('[,"]') and not name:find("^%s") and not name:find("%s$")
    names[i] = plain and name or '"' .. name:gsub('"', '""') .. '"'
  end
  if names[1] then words[#words + 1] = option .. " " .. units.word(table.concat(names, ",")) end
end

-- The command that watches a table, with the options that it is watched with now: without them it
-- would end these.
local function watch(run, name, about)
  local words = { "watch " .. units.word(name) }
  add_columns(words, "--keep", about and about.keep or {})
  add_columns(words, "--ignore", about and about.ignore or {})
  if about and not about.notify then words[#words + 1] = "--no-notify" end
  return run:command(table.concat(words, " "))
end

-- Each judge_... reports what is wrong with one table, where `row` is of sql/doctor/tables.sql and
-- `about` of `forgelog.tables.watched`; most return whether something is wrong.

-- Triggers that are missing, disabled or altered. Where only partitions lack theirs, nothing but a
-- TRUNCATE of these is missed.
local function judge_triggers(run, name, about)
  local missing, altered = about.missing, about.altered
  local again = watch(run, name, about)
  local read_again = again .. ", then read the table again"
  if about.uncovered and #missing == 1 and #altered == 0 then
    run:warning("uncovered",
      ("a TRUNCATE of the newest partitions of %s themselves would be missed"):format(name), again)
  elseif #missing > 0 then
    local message = "changes of %s are missed: its triggers are missing or disabled for %s"
    run:error("missing", message:format(name, table.concat(missing, ", ")), read_again)
  end
  if #altered > 0 then
    local message = "changes of %s are missed: its triggers are not as watch makes them for %s"
    run:error("altered", message:format(name, table.concat(altered, ", ")), read_again)
  end
  return #missing > 0 or #altered > 0
end

local function judge_columns(run, name, about)
  if not about.gone then return false end
  local message = "%s has no column %s any more, which watch was told to keep or to ignore"
  run:warning("column_gone", message:format(name, table.concat(about.gone, ", ")),
    "forgelog watch it with the columns that are meant now")
  return true
end

local function judge_key(run, name, about)
  local key = table.concat(about.key, ", ")
  if about.key_changed then
    local message = "the primary key of %s was changed after it was watched: row_id is %s now, and "
      .. "was another before"
    run:warning("key_changed", message:format(name, key == "" and "null" or key),
      "read the table again, then " .. watch(run, name, about))
    return true
  elseif key == "" then
    run:note("no_key", name .. " has no primary key: its changes name no row",
      "give it one, or read all of it when it changes")
  end
  return false
end

-- A table that joined others since it was watched, or has such tables below it.
local function judge_relatives(run, row, about)
  if row.copies_off then
    local message = "changes of %s are missed: the trigger that it has of %s is disabled"
    run:error("copy_disabled", message:format(row.copies_off, row.name),
      row.copies_on .. "; then read the table again")
    return true
  elseif about and row.statement and row.joined then
    local message = "%s became part of a partitioned or parent table after it was watched: changes "
      .. "made through that one are missed"
    run:error("joined", message:format(row.name),
      watch(run, row.name) .. ", then read the table again")
    return true
  elseif row.children then
    local message = "%s inherits from %s and is not watched: its rows are missed"
    run:note("unwatched_children", message:format(row.children, row.name),
      "watch it too, where its rows are wanted")
  end
  return false
end

-- A row trigger that somebody attached by hand.
local function judge_by_hand(run, row)
  if row.hand_off then
    local advice = "ALTER TABLE %s ENABLE TRIGGER %s, then read the table again"
    run:error("hand_disabled",
      ("changes of %s are missed: its trigger %s is disabled"):format(row.name, row.by_hand),
      advice:format(row.quoted, row.by_hand))
  elseif row.captured then
    local message = "%s has the row trigger %s and is watched: each change is logged twice"
    run:warning("logged_twice", message:format(row.name, row.by_hand),
      ("DROP TRIGGER %s ON %s"):format(row.by_hand, row.quoted))
  elseif row.hand_partial then
    local message = "the trigger %s of %s is not for INSERT, UPDATE and DELETE alike: the others "
      .. "are not logged"
    run:note("hand_partial", message:format(row.by_hand, row.name),
      "where they are wanted, drop it, then " .. watch(run, row.name))
    return false
  else
    return false
  end
  return true
end

-- A subscription's worker fires no triggers for statements, and those for rows only where they are
-- ALWAYS enabled.
local function judge_subscription(run, row)
  if not row.subscription or row.always_row then return false end
  local message = "what the subscription %s applies to %s is missed: it fires no trigger of "
    .. "statements, and those of rows only if always enabled"
  local advice
  if row.statement then
    advice = "%s, attach forge_notify_change by hand as a row trigger, and ENABLE ALWAYS TRIGGER it"
    advice = advice:format(run:command("unwatch " .. units.word(row.name)))
  else
    advice = "ALTER TABLE %s ENABLE ALWAYS TRIGGER %s"
    advice = advice:format(row.quoted, row.by_hand or row.row_trigger)
  end
  run:error("subscribed", message:format(row.subscription, row.name), advice)
  return true
end

-- What no trigger can capture, or captures in another order than it happened.
local function judge_kind(run, row)
  if row.own_writers then
    local message = "if the trigger %s of %s writes to that table, changes of one row may be "
      .. "logged in another order than they happened"
    run:note("own_writers", message:format(row.own_writers, row.name),
      "have consumers look the row up, whatever op says, or make that a BEFORE trigger")
  end
  if not row.unlogged then return end
  local message = "%s is unlogged: a crash empties it, and nothing of that is in the log"
  run:note("unlogged", message:format(row.unlogged),
    ("ALTER TABLE %s SET LOGGED, unless nobody minds"):format(row.unlogged))
end

local function judge(run, row, about)
  local wrong = judge_subscription(run, row)
  judge_kind(run, row)
  wrong = judge_relatives(run, row, about) or wrong
  wrong = row.by_hand and judge_by_hand(run, row) or wrong
  if about then
    wrong = judge_triggers(run, row.name, about) or wrong
    wrong = judge_columns(run, row.name, about) or wrong
    wrong = judge_key(run, row.name, about) or wrong
  end
  return wrong
end

-- Triggers attached by hand are for rows, so none is for TRUNCATE.
local function judge_truncate(run, rows)
  local names = {}
  for _, row in ipairs(rows) do
    if not row.captured then names[#names + 1] = row.name end
  end
  if #names == 0 then return end
  local message = "TRUNCATE of %s is not logged: triggers attached by hand are for rows"
  local advice = "where it matters, drop that trigger, then: %s && %s"
  run:note("truncate_not_logged", message:format(table.concat(names, ", ")),
    advice:format(run:command("install"), watch(run, names[1])))
end

-- Tables that were watched, and of which something is not captured, or was not. Of triggers that
-- are not as they should be now nothing need be said about before. Whether there are any; or nil
-- and an error.
local function judge_lost(run, watched)
  local lost, err = remembered.lost(run.conn)
  if not lost then return nil, err end
  local about = {}
  for _, one in ipairs(watched) do about[one.name] = one end
  for _, one in ipairs(lost) do
    local advice = run:command("unwatch " .. units.word(one.table))
    if one.remedy == "watch" then advice = watch(run, one.table, about[one.table]) end
    if one.remedy == "unwatch" then
      run:warning(one.code, one.wrong, advice .. ", if it is not to come back")
    elseif one.code == "renamed" then
      run:warning(one.code, one.wrong, advice .. ", once consumers know it by that name")
    elseif one.code ~= "switched" then
      run:error(one.code, one.wrong, advice .. ", then read the table again")
    elseif not (about[one.name] and about[one.name].wrong) then
      run:warning("switched", one.wrong, "read the table again, then " .. advice)
    end
  end
  return #lost > 0
end

-- The rows of sql/doctor/tables.sql; or nil and an error.
local function logged_tables(run)
  local err
  if not run.logged then run.logged, err = run:ask("tables") end
  return run.logged, err
end

local function tables(run)
  local rows, err = logged_tables(run)
  if not rows then return err end
  local watched
  watched, err = inspect.list(run.conn)
  if not watched then return err end
  local lost
  lost, err = judge_lost(run, watched)
  if lost == nil then return err end
  if #rows == 0 and #watched == 0 then
    if lost then return end
    return run:warning("none_watched", "no table is watched: nothing is logged",
      run:command("watch TABLE"))
  end
  local wrong, about, seen = lost, {}, {}
  for _, one in ipairs(watched) do about[one.name] = one end
  for _, row in ipairs(rows) do
    seen[row.name] = true
    wrong = judge(run, row, about[row.name]) or wrong
  end
  for _, one in ipairs(watched) do -- the others have lost all triggers except that for TRUNCATE
    if not seen[one.name] then wrong = judge_triggers(run, one.name, one) or wrong end
  end
  if not wrong then run:ok(("changes of %s are logged"):format(units.many(#rows, "table"))) end
  judge_truncate(run, rows)
end

-- A transaction that has notified cannot be prepared, and writers notify while a feed sleeps.
local function two_phase(run)
  local watched, err = inspect.list(run.conn)
  if not watched then return err end
  local notifies = false
  for _, one in ipairs(watched) do notifies = notifies or one.notify end
  if run.server.prepared == 0 then return run:ok("this server prepares no transactions") end
  if not notifies then return run:ok("no watched table keeps a transaction from being prepared") end
  run:note("may_not_prepare", "transactions may be prepared on this server; but while a feed "
    .. "sleeps, PREPARE TRANSACTION fails for one that has written to a table which is watched "
    .. "without --no-notify",
    "where tables are written under two-phase commit, watch these with --no-notify as well")
end

-- A statement locks the partitions that it touches; one without a condition touches all.
local function partitions(run)
  local rows, err = logged_tables(run)
  if not rows then return err end
  local each, wrong = run.server.locks_per_transaction, false
  for _, row in ipairs(rows) do
    if row.partitions > each then
      wrong = true
      local message = "%s has %s partitions, and max_locks_per_transaction is %d: a statement that "
        .. "touches all of them may find no room in the lock table"
      local advice = "set max_locks_per_transaction above %.0f and restart the server"
      run:warning("many_partitions", message:format(row.name, units.count(row.partitions), each),
        advice:format(row.partitions))
    end
  end
  if wrong or #rows == 0 then return end
  run:ok("no watched table has more partitions than a transaction has locks")
end

return {
  { "tables", tables, needs_log = true },
  { "two_phase", two_phase, needs_log = true },
  { "partitions", partitions, needs_log = true },
}
