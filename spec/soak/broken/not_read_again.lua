-- A feed does not look again where writers that have ended may have committed.
return {
  scenarios = { "mixed" },
  rule = "a feed reads again above the bound of each writer that is gone",
  changes = { {
    file = "src/core/changelog.c",
    find = "    if (each->reader.live && "
      .. "log->horizon.gone_low < each->reader.cursor.rescan_from)\n",
    put = "    if (each->reader.live && log->horizon.gone_low < 0)\n",
  } },
  says = "^lost",
}
