-- Cancels the statement that another connection of ours runs, and never somebody else's: a pooler
-- may have given that connection another server process since.
-- Parameters: $1 int (pid of the server process), $2 text (the statement; NULL: one of forgelog's
-- own).
-- Columns: pg_cancel_backend boolean; no row where that statement does not run there.
SELECT pg_catalog.pg_cancel_backend(pid)
  FROM pg_catalog.pg_stat_activity
 WHERE pid = $1::int AND state = 'active' AND usename = current_user
   AND (left(query, 500) = left($2, 500)
        OR $2::text IS NULL AND pg_catalog.strpos(query, 'forge_change_log') > 0);
