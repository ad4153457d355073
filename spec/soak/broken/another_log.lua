-- Another table of the log's name passes for the same log, as does a sequence that was set back.
return {
  scenarios = { "log_dropped", "log_restored", "cluster_restored" },
  rule = "another table under the log's name is another log",
  changes = {
    {
      file = "src/core/history.c",
      find = "  if (place.log_oid && place.log_oid != history->log_oid) return FL_GAP_RESET;\n",
      put = "",
    },
    {
      file = "src/core/history.c",
      find = "  if (is_ahead(history, given, place)) return FL_GAP_RESET;\n",
      put = "  (void)is_ahead;\n  (void)given;\n",
    },
  },
  says = "to be told: reset",
}
