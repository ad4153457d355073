-- The server is stopped in order and in a hurry, and started again; transactions that are prepared
-- survive that, and are committed afterwards.
local situation = require "soak.situation"

return {
  title = "clean and hard restarts of the server, with prepared transactions",
  run = function(run)
    local at = situation.begin(run)
    at:witness("file", { once = true })
    at:witness("transaction", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(10), function(round)
      at:ask("BEGIN; INSERT INTO paper SELECT nextval('item_id'), 1; "
        .. ("PREPARE TRANSACTION 'load restart %d'"):format(round))
      at.server:stop(round % 2 == 0 and "fast" or "immediate")
      at.server:start()
      at:more(100)
      at:ask(("COMMIT PREPARED 'load restart %d'"):format(round))
    end)
    return at:finish()
  end,
}
