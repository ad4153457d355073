-- Every session that reads the log is ended again and again, and now and then all that write, too.
local logs = require "support.logs"
local situation = require "soak.situation"

-- A COMMIT of those whose effects commit with their position takes a while, so that many are broken
-- off in the middle of it.
local LINGER = [[
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.id % 100 = 0) EXECUTE FUNCTION linger()]]

return {
  title = "storms of pg_terminate_backend",
  run = function(run)
    local at = situation.begin(run)
    at:ask(LINGER)
    at:witness("file", { once = true })
    at:witness("transaction", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(20), function(round)
      for _ = 1, 10 do
        at:ask([[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
            AND datname = current_database() AND ($1 OR application_name <> 'pgbench')]],
          round % 5 == 0)
        logs.pause(0.01 + math.random() * 0.1)
      end
    end)
    return at:finish()
  end,
}
