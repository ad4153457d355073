-- What somebody has put into a schema of the search_path is not run by whoever installs, watches or
-- reads: an operator that fits two types exactly comes before the system's own, which fits them by
-- a cast.
local consumer = require "forgelog.consumer"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local TYPES = { "oid", "int4", "int8", "int2", "regclass", "regnamespace", "regproc", "name",
  "text", '"char"' }
local OPERATORS = { "=", "<>", "<", "<=", ">", ">=", "||", "-", "+" }

describe("operators and functions of others in the search path", function()
  local db, log

  setup(function()
    db, log = logs.empty()
    must(log, "CREATE SCHEMA feed; CREATE TABLE trapped (what text, who text)")
    for i, left in ipairs(TYPES) do
      for j, right in ipairs(TYPES) do
        if left ~= right then
          for k, operator in ipairs(OPERATORS) do
            local name = ("trap_%d_%d_%d"):format(i, j, k)
            local result = (operator == "||" and "text")
              or ((operator == "-" or operator == "+") and "int8") or "boolean"
            -- Where the system has one for just these types, it comes first, or they are ambiguous.
            local exists = must(log, [[SELECT count(*) AS n FROM pg_operator
              WHERE oprname = $1 AND oprleft = $2::regtype AND oprright = $3::regtype]], operator,
              left, right)[1].n
            if exists == 0 then
              must(log, ([[CREATE FUNCTION public.%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS $$
                BEGIN
                  INSERT INTO public.trapped VALUES ('%s %s %s', current_user);
                  RETURN NULL;
                END $$;
                CREATE OPERATOR public.%s (leftarg = %s, rightarg = %s, function = public.%s)]])
                :format(name, left, right, result, left, operator, right, operator, left, right,
                  name))
            end
          end
        end
      end
    end
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- What was run by the calls of a function.
  local function trapped(work)
    pcall(work)
    local list = {}
    for _, row in ipairs(must(log, "SELECT DISTINCT what FROM trapped ORDER BY what")) do
      list[#list + 1] = row.what
    end
    must(log, "DELETE FROM trapped")
    return table.concat(list, ", ")
  end

  it("are not run", function()
    local own = logs.connect(db, { schema = "feed" })
    must(log, [[CREATE TABLE t (id int PRIMARY KEY, n text);
      CREATE TABLE p (id int PRIMARY KEY, n text) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p DEFAULT]])
    local function drain()
      own:drain(0, { tables = { "public.t" }, ops = { "INSERT" }, columns = { "n" } })()
    end
    local calls = {
      { "install", function() own:install() end },
      { "watch", function() own:watch("public.t", { keep = { "n" }, ignore = { "n" } }) end },
      { "watch", function() own:watch("public.p") end },
      { "watch", function() own:watch("public.p") end },
      { "write", function()
        must(log, "INSERT INTO t VALUES (1, 'a'); UPDATE t SET n = 'b'; DELETE FROM t")
        must(log, "INSERT INTO p VALUES (1, 'a'); UPDATE p SET id = 2; TRUNCATE p1, t")
      end },
      { "installed", function() own:installed() end },
      { "install", function() own:install() end },
      { "touch", function() own:touch("public.t") end },
      { "watched", function() own:watched() end },
      { "drain", drain },
      { "follow", function()
        local feed = own:follow(0)
        feed:next(5)
        feed:next(0.1)
        feed:close()
      end },
      { "position", function() own:position() end },
      { "gap", function() own:gap(1) end },
      { "seqs", function() own:min_seq(); own:max_seq(); own:horizon() end },
      { "store", function()
        local store = consumer.table()
        store.save(own, "one", "1:1", nil)
        store.load(own, "one")
        consumer.forget(own, "one")
      end },
      { "status", function() own:status() end },
      { "diagnose", function() own:diagnose() end },
      { "trim", function()
        own:trim(os.time() + 60, { min_rows = 0, keep_consumers = true, dry_run = true })
        own:trim(os.time() + 60, { min_rows = 0, keep_consumers = true })
      end },
      { "unwatch", function() own:unwatch("public.t"); own:unwatch("public.p") end },
    }
    local found = {}
    for _, call in ipairs(calls) do
      local text = trapped(call[2])
      if text ~= "" then found[#found + 1] = call[1] .. ": " .. text end
    end
    own:close()
    assert.equal("", table.concat(found, "\n"))
  end)
end)
