-- Whether a row p of forge_change_log_parked waits behind another one of its key, which comes
-- before it: see other_of_key.sql.
(p.waits AND EXISTS (SELECT FROM @schema@.forge_change_log_parked f
                      WHERE f.id = @other_of_key@
                        AND (coalesce(f.seq, 0), f.id) < (coalesce(p.seq, 0), p.id)))
