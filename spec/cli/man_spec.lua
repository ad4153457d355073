-- forgelog man: the man page, as it is installed; and its examples, which are run.
local command = require "support.command"
local commands = require "forgelog.cli.commands"
local logs = require "support.logs"
local parking = require "forgelog.consumer.parking"
local process = require "support.process"
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

describe("its examples", function()
  local db, log, folder

  setup(function()
    db = support.database()
    log = assert(require("forgelog").connect(db))
    assert(log:query([[CREATE TABLE orders (id int PRIMARY KEY, total int, updated_at timestamptz);
      CREATE TABLE customers (id int PRIMARY KEY, updated_at timestamptz);
      CREATE TABLE users (id int PRIMARY KEY, name text, email text)]]))
    folder = support.path("examples")
    assert(support.run("mkdir " .. folder))
    for _, name in ipairs({ "index-changes", "send-mails", "reload", "maintain" }) do
      support.write(folder .. "/" .. name, "#!/bin/sh\ncat >/dev/null\n")
    end
    assert(support.run("chmod +x " .. folder .. "/*"))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- A consumer search as it is at first: with a position, and a change that is parked.
  local function begin_anew()
    assert(log:query("DELETE FROM forge_change_log_consumers;"
      .. " DELETE FROM forge_change_log_parked; INSERT INTO forge_change_log_consumers"
      .. " (name, position) VALUES ('search', '1:0')"))
    assert(parking.park(log.connection, "search", "7", { seq = 4711, table_name = "orders",
      op = "UPDATE", row_id = "7", created_at = 1764373736 }, "no", 3))
  end

  local function line_of(example)
    return ("cd %s; PATH=%s/bin:$PATH; export %s; exec bash -c %s"):format(folder,
      command.prefix(), command.environment(db), process.quote(example))
  end

  local function is_endless(example)
    return example:find("follow", 1, true) or example:find("status --watch", 1, true)
      or example:find("--every", 1, true)
  end

  -- Whether it is under way: a follow sleeps with the bell's lock when it has read all.
  local function under_way(example)
    if example:find("follow", 1, true) then return logs.advisory_locks(log) > 0 end
    return log:query([[SELECT FROM pg_stat_activity WHERE application_name = 'forgelog'
      AND datname = current_database() AND pid <> pg_backend_pid()]])[1]
  end

  -- Runs it until it is under way, and then as Ctrl-C ends it.
  local function interrupt(example)
    local running = support.start(line_of(example))
    support.wait_until(function() return under_way(example) end, example)
    running:kill("INT")
    local _, output, errors = running:wait()
    return 0, output, (errors:gsub("[^\n]*stopped at position [^\n]+\n", ""))
  end

  it("can be run", function()
    local count = 0
    for _, entry in ipairs(commands) do
      for _, example in ipairs(entry.examples or {}) do
        if entry[1] ~= "install" then begin_anew() end
        local status, output, errors
        if is_endless(example) then
          status, output, errors = interrupt(example)
        else
          local _
          _, output, errors, status = support.run(line_of(example))
        end
        local fine = status == 0 or entry[1] == "doctor" and status == 3 -- a warning
        if not fine or errors ~= "" then
          error(("%s ended with %d: %s%s"):format(example, status, output, errors), 0)
        end
        count = count + 1
      end
    end
    assert.is_true(count >= 25, tostring(count))
  end)
end)
