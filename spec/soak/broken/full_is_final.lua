-- A server that cannot be reached, be it for a lack of connections, is given up.
return {
  scenarios = { "connections_used_up" },
  rule = "a lack of connections passes",
  changes = { {
    file = "src/core/error.c",
    find = "    case FL_ERR_CONNECT: return connect_retryable(sqlstate);\n",
    put = "    case FL_ERR_CONNECT: return false && connect_retryable(sqlstate);\n",
  } },
  says = "^lost",
}
