-- On a standby whatever is visible counts as settled, whoever may still commit a lower seq.
return {
  scenarios = { "standby_read" },
  rule = "a standby's horizon waits for the transactions that a tick found begun",
  changes = { {
    file = "src/core/standby.c",
    find = "standby->marks[over].next <= xmin) over++;\n",
    put = "standby->marks[over].next > 0 && xmin > 0) over++;\n",
  } },
  says = "^lost",
  commits = 10000,
}
