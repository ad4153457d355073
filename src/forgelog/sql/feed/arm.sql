-- Arms the doorbell: takes the lock that a sleeping follower holds, by which writers know that they
-- have to notify. One follower of a database holds it for all of them. Whether that is why it
-- cannot be taken is found out by sharing it for a moment, which goes beside writers, since these
-- share it, too. The view of all locks is not asked: it costs more the more sessions there may be.
-- Parameters: none. The session must not hold the lock.
-- Columns: bell text (owned: by this session; armed: another one holds it; off: writers share it).
SELECT CASE WHEN pg_catalog.pg_try_advisory_lock(@bell@) THEN 'owned'
            WHEN NOT pg_catalog.pg_try_advisory_lock_shared(@bell@) THEN 'armed'
            WHEN pg_catalog.pg_advisory_unlock_shared(@bell@) THEN 'off' END AS bell;
