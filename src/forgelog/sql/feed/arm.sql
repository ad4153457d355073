-- Arms the doorbell: takes the lock that a sleeping follower holds, by which writers know that they
-- have to notify. One follower of a database holds it for all of them. Asked again by the session
-- that holds it, it is not taken twice.
-- Parameters: none.
-- Columns: got boolean (this session holds it), asleep boolean (another session holds it).
SELECT CASE WHEN b.pid = pg_catalog.pg_backend_pid() THEN true
            ELSE pg_catalog.pg_try_advisory_lock(@bell@) END AS got,
       coalesce(b.pid <> pg_catalog.pg_backend_pid(), false) AS asleep
  FROM (SELECT max(l.pid) AS pid FROM pg_catalog.pg_locks l
         WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
           AND @lock_number@ = @bell@ AND l.objsubid = 1 AND l.database = @this_database@) b;
