-- Has the next change of a key tried again, where it waited behind one that is gone: a row of
-- `gone`, with id, consumer and key.
UPDATE @schema@.forge_change_log_parked n SET retry = true
  FROM gone p
 WHERE n.waits AND n.id = @other_of_key@
RETURNING n.id
