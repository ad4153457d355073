-- Has those changes tried again that wait although none of their key is left to wait behind: it was
-- taken away while they were parked.
-- Parameters: $1 text (the consumer).
-- Columns: none.
UPDATE @schema@.forge_change_log_parked p SET retry = true
  FROM (@first_of_keys@) f
 WHERE p.id = f.id AND p.waits AND NOT p.retry;
