-- The file of a position is written in place.
return {
  scenarios = { "disk_full_file" },
  rule = "a position is written aside, and renamed when it is whole",
  changes = { {
    file = "src/core/atomic_file.c",
    find = "  done = write_synced(aside, text) && rename(aside, path) == 0;\n",
    put = "  done = write_synced(path, text);\n",
  } },
  says = "^lost",
}
