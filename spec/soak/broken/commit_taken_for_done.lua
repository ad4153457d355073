-- A batch whose connection went away counts as committed, whatever the store says.
return {
  scenarios = { "sessions_ended" },
  rule = "after a loss the store says whether the commit took place",
  changes = { {
    file = "src/forgelog/consumer/checkpoint.lua",
    find = "  if stored == self._saved then return true end\n  local own = self._work\n"
      .. "  if own and stored == own.position then\n",
    put = "  local own = self._work\n  if own then\n",
  } },
  says = "^lost",
  scale = 0.3,
}
