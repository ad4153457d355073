-- Every failover is a gap, also one that has lost nothing.
return {
  scenarios = { "failover_sync" },
  rule = "a failover that has lost nothing is no gap",
  changes = {
    {
      file = "src/core/history.c",
      find = "  return lsn && history->has_parent &&",
      put = "  return false && lsn && history->has_parent &&",
    },
    {
      file = "src/core/timeline.c",
      find = "  bool there = reading->verdict == FL_VERDICT_THERE && !reading->strict;\n",
      put = "  bool there = false;\n",
    },
  },
  says = "^gaps told: failover",
}
