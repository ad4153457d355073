-- A position goes on on whatever timeline the server is, whatever rows are there, and wherever its
-- sequence stands.
return {
  scenarios = { "failover_async", "failover_point_in_time" },
  rule = "a position belongs to its timeline, and names rows",
  changes = {
    {
      file = "src/core/verify.c",
      find = "  reading->verdict = judge(log, &named, here_deleted);\n",
      put = "  reading->verdict = (judge(log, &named, here_deleted), FL_VERDICT_THERE);\n",
    },
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
