-- A feed that cannot reach the server, be it for a lack of connections, is given up.
return {
  scenarios = { "connections_used_up" },
  rule = "a lack of connections passes",
  changes = { {
    file = "src/forgelog/feed.lua",
    find = "  if not (self._conn:lost() or RETRIED[err.kind] or err.retryable) then\n",
    put = '  if err.kind == "connect" or not (RETRIED[err.kind] or err.retryable) then\n',
  } },
  says = "^lost",
}
