-- A feed that has lost its connection goes on at the end of the log.
return {
  scenarios = { "server_killed", "sessions_ended", "restarts", "network_cut", "network_trickle",
    "pooler_session", "pooler_transaction", "disk_full_server", "cluster_upgraded" },
  rule = "a feed goes on after a loss from where it was",
  changes = { {
    file = "src/forgelog/feed/states.lua",
    find = "  function(self) return self._conn:tick() end,\n  open_reader,\n",
    put = "  function(self)\n    local ok, err = self._conn:tick()\n"
      .. "    if ok and self._reconnects > (self._seen or 0) then\n"
      .. "      self._seen, self._reader = self._reconnects, nil\n"
      .. "      self._position = tostring(self._conn:fact('high_water'))\n    end\n"
      .. "    return ok, err\n  end,\n  open_reader,\n",
  } },
  says = "^lost",
}
