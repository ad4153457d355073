-- Whether a follower sleeps that is to be woken, as far as this trigger is to wake any: an
-- expression of PL/pgSQL that takes the bell's lock otherwise.
TG_ARGV[0] IS DISTINCT FROM 'quiet' AND NOT pg_try_advisory_xact_lock_shared(@bell@)
