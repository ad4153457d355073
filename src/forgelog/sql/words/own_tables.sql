-- The tables that install always makes, as a list.
'forge_change_log', 'forge_change_log_state', 'forge_change_log_consumers',
'forge_change_log_watches', 'forge_change_log_parked', 'forge_change_log_backfills'
