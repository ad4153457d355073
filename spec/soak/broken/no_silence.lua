-- A feed waits for an answer for as long as it takes.
return {
  scenarios = { "network_half_open" },
  rule = "a server that does not answer in time counts as gone",
  changes = { {
    file = "src/forgelog/feed.lua",
    find = "  local silence = options.silence or conn:limit() or SILENCE\n",
    put = "  local silence = SILENCE * 1000\n",
  } },
  says = "^lost",
}
