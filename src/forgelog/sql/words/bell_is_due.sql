-- Whether a follower sleeps that is to be woken, as far as this trigger is to wake any: an
-- expression of PL/pgSQL that takes the bell's lock otherwise. Where somebody else lets the queue
-- of notifications fill up, this log's share of it is not what makes a commit fail.
TG_ARGV[0] IS DISTINCT FROM 'quiet' AND NOT pg_try_advisory_xact_lock_shared(@bell@)
AND pg_notification_queue_usage() < 0.5
