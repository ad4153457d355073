-- A standby takes the next transaction number for what its 32 bits say.
return {
  scenarios = { "xid_wrap" },
  rule = "a transaction number is completed by its epoch",
  changes = { {
    file = "src/core/standby.c",
    find = "  return ahead > 0 ? tick->xmax + (uint64_t)ahead : tick->xmax;\n",
    put = "  (void)ahead;\n  return tick->next;\n",
  } },
  says = "^lost",
}
