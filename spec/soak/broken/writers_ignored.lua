-- The horizon is the highest seq, whoever may still commit a lower one.
return {
  scenarios = { "mixed" },
  rule = "the horizon stays below what open writers may still commit",
  changes = { {
    file = "src/core/horizon.c",
    find = "  lowest = set_bounds(horizon); /* against the high_water of the tick before */\n",
    put = "  set_bounds(horizon);\n  lowest = INT64_MAX;\n",
  } },
  says = "^lost",
}
