-- Whether a row p of forge_change_log_parked waits behind an earlier one of its key.
(p.waits AND coalesce(@other_of_key@ < p.id, false))
