-- A position goes on on whatever timeline the server is, and wherever its sequence stands.
return {
  scenarios = { "failover_async", "failover_point_in_time" },
  rule = "a position belongs to its timeline",
  changes = {
    {
      file = "src/core/history.c",
      find = "  return timeline && now && (history->standby",
      put = "  return false && timeline && now && (history->standby",
    },
    {
      file = "src/core/history.c",
      find = "  if (is_ahead(history, given, place)) return FL_GAP_RESET;\n",
      put = "  (void)is_ahead;\n  (void)given;\n",
    },
  },
  says = "to be told: failover",
}
