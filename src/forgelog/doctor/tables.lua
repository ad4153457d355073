--- Checks of the tables whose changes are logged.
-- @module forgelog.doctor.tables
local database = require "forgelog.database"
local units = require "forgelog.cli.units"

local PARTITION = "truncate of a partition" -- how log:watched() calls a partition without a trigger for TRUNCATE

local function watch(run, name) return run:command("watch " .. run.word(name)) end

-- Which triggers of a table are not as they should be; false where all are.
local function triggers(run, name, about)
  local again = watch(run, name)
  local unaltered = #about.altered == 0
  if #about.missing == 1 and about.missing[1] == PARTITION and unaltered then
    run:warning("tables", ("a TRUNCATE of the newest partitions of %s themselves would be missed"):format(name), again)
  elseif #about.missing > 0 then
    run:error("tables", ("changes of %s are missed: its triggers are missing or disabled for %s"):format(name,
      table.concat(about.missing, ", ")), again .. ", then read the table anew")
  end
  if not unaltered then
    run:error("tables", ("changes of %s are missed: its triggers are not as watch makes them for %s"):format(name,
      table.concat(about.altered, ", ")), again .. ", then read the table anew")
  end
  return #about.missing > 0 or not unaltered
end

local function keys(run, name, about)
  if about.key_changed then
    run:warning("tables", ("the primary key of %s was changed after it was watched: row_id is %s now, and was another before"
      ):format(name, #about.key == 0 and "null" or table.concat(about.key, ", ")),
      "read the table anew, then " .. watch(run, name))
    return true
  elseif #about.key == 0 then
    run:note("tables", ("%s has no primary key: its changes name no row"):format(name),
      "give it one, or read all of it when it changes")
  end
  return false
end

-- A table that joined others since it was watched, or has such below it.
local function relatives(run, row, about)
  if row.copies_off then
    run:error("tables", ("changes of %s are missed: the trigger that it has of %s is disabled"):format(row.copies_off, row.name),
      row.copies_on .. "; then read the table anew")
    return true
  elseif about and row.statement and row.joined then
    run:error("tables", ("%s became part of a partitioned or parent table after it was watched: changes made through that one "
      .. "are missed"):format(row.name), watch(run, row.name) .. ", then read the table anew")
    return true
  elseif row.children then
    run:note("tables", ("%s inherits from %s and is not watched: its rows are missed"):format(row.children, row.name),
      "watch it too, where its rows are wanted")
  end
end

-- A row trigger that somebody attached by hand.
local function by_hand(run, row)
  if row.hand_off then
    run:error("tables", ("changes of %s are missed: its trigger %s is disabled"):format(row.name, row.by_hand),
      ("ALTER TABLE %s ENABLE TRIGGER %s, then read the table anew"):format(row.quoted, row.by_hand))
  elseif row.captured then
    run:warning("tables", ("%s has the row trigger %s and is watched: each change is logged twice"):format(row.name, row.by_hand),
      ("DROP TRIGGER %s ON %s"):format(row.by_hand, row.quoted))
  elseif row.hand_partial then
    run:note("tables", ("the trigger %s of %s is not for INSERT, UPDATE and DELETE alike: the others are not logged"):format(
      row.by_hand, row.name), "where they are wanted, drop it, then " .. watch(run, row.name))
    return false
  else
    return false
  end
  return true
end

-- A subscription's worker fires no triggers for statements, and those for rows only where they are ALWAYS enabled.
local function subscribed(run, row)
  if not row.subscription or row.always_row then return false end
  run:error("tables", ("what the subscription %s applies to %s is missed: it fires no trigger of statements, and those of rows "
    .. "only if always enabled"):format(row.subscription, row.name), row.statement
    and ("%s, attach forge_notify_change by hand as a row trigger, and ENABLE ALWAYS TRIGGER it"):format(
      run:command("unwatch " .. run.word(row.name)))
    or ("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s"):format(row.quoted, row.by_hand or "forge_capture_row"))
  return true
end

local function truncates(run, rows)
  local names = {}
  for _, row in ipairs(rows) do
    if not row.captured then names[#names + 1] = row.name end
  end
  if #names == 0 then return end
  run:note("tables", ("TRUNCATE of %s is not logged: triggers attached by hand are for rows"):format(table.concat(names, ", ")),
    ("where it matters, drop that trigger, then: %s && %s"):format(run:command("install"), watch(run, names[1])))
end

local function judge(run, row, about)
  local wrong = subscribed(run, row)
  wrong = relatives(run, row, about) or wrong
  wrong = row.by_hand and by_hand(run, row) or wrong
  if about then
    wrong = triggers(run, row.name, about) or wrong
    wrong = keys(run, row.name, about) or wrong
  end
  return wrong
end

-- No partition is locked but those that a statement touches; one without a condition touches all.
local function partitions(run, rows)
  local each, worst = run.server.locks_each, nil
  for _, row in ipairs(rows) do
    if row.partitions > each then
      worst = true
      run:warning("partitions", ("%s has %s partitions, and max_locks_per_transaction is %d: a statement that touches all of "
        .. "them may find no room in the lock table"):format(row.name, units.count(row.partitions), each),
        ("set max_locks_per_transaction above %.0f and restart the server"):format(row.partitions))
    end
  end
  if not worst then run:ok("partitions", "no watched table has more partitions than a transaction has locks") end
end

local function tables(run)
  if not run.place.log then return end
  local rows, err = run.log:query(database.sql("doctor_tables"), run.place.name)
  if not rows then return err end
  local names, about = run.log:watched()
  if not names then return about end
  if #rows == 0 and #names == 0 then
    return run:warning("tables", "no table is watched: nothing is logged", run:command("watch TABLE"))
  end
  local wrong, seen = false, {}
  for _, row in ipairs(rows) do
    seen[row.name] = true
    wrong = judge(run, row, about[row.name]) or wrong
  end
  for _, name in ipairs(names) do -- of which only the trigger for TRUNCATE is left
    if not seen[name] then wrong = triggers(run, name, about[name]) or wrong end
  end
  if not wrong then run:ok("tables", ("changes of %s are logged"):format(units.many(#rows, "table"))) end
  truncates(run, rows)
  partitions(run, rows)
end

return { { "tables", tables } }
