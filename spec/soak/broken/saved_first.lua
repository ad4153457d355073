-- The position is saved before the handler is called.
return {
  scenarios = { "consumer_killed" },
  rule = "a position is saved after the work",
  changes = { {
    file = "src/forgelog/consumer/checkpoint/work.lua",
    find = "    if ok then ok, err, raised = calls.work(self._conn, do_it, ...) end\n",
    put = "    if ok then save_done(self, own.position) end\n"
      .. "    if ok then ok, err, raised = calls.work(self._conn, do_it, ...) end\n",
  } },
  says = "^lost",
  scale = 1,
}
