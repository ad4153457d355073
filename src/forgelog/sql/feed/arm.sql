-- Arms the doorbell: takes the lock that a sleeping follower holds, by which writers know that they
-- have to notify. One follower of a database holds it for all of them.
-- Parameters: none.
-- Columns: got boolean (this session holds it), asleep boolean (another session holds it).
SELECT pg_catalog.pg_try_advisory_lock(@bell@) AS got,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
                  AND l.pid <> pg_catalog.pg_backend_pid()
                  AND @lock_number@ = @bell@ AND l.objsubid = 1
                  AND l.database = @this_database@) AS asleep;
