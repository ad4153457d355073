-- What the sequence says counts for good before it is on disk.
return {
  scenarios = { "numbers_again" },
  rule = "a number of the sequence counts when the WAL that gave it is on disk",
  changes = { {
    file = "src/core/history.c",
    find = "  if (flushed == 0 || history->unflushed_lsn == 0 || flushed < history->unflushed_lsn) "
      .. "return;\n",
    put = "  (void)flushed;\n",
  } },
  says = { "^lost", "to be told: none" },
  scale = 1.5, -- a loss takes luck: in one of four runs a third as long there was none
}
