-- What was deleted is passed over without a word.
return {
  scenarios = { "trim_races", "log_emptied", "clock_back" },
  rule = "what was deleted and not delivered is a gap",
  changes = { {
    file = "src/core/history.c",
    find = "  if (lost) return FL_GAP_TRIMMED;\n",
    put = "  (void)lost;\n",
  } },
  says = "^lost",
  scale = 0.5,
}
