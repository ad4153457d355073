-- A batch whose connection went away meanwhile counts as committed, whatever the store says then
-- and when the next one is saved.
return {
  scenarios = { "sessions_ended" },
  rule = "after a loss the store says whether the commit took place",
  changes = {
    {
      file = "src/forgelog/consumer/checkpoint.lua",
      find = "  if stored == self._saved then return true end\n  local own = self._work\n"
        .. "  if own and stored == own.position then\n",
      put = "  local own = self._work\n  if own then\n",
    },
    {
      file = "src/forgelog/sql/lease/save.sql",
      find = "   AND c.epoch = $2 AND c.position IS NOT DISTINCT FROM $5\n",
      put = "   AND ($2::bigint, $5::text) IS NOT NULL\n",
    },
  },
  says = "^lost",
  scale = 0.3,
}
