-- Whether the policies of t = a row of pg_class do not let this role see every row for done = a row
-- with the column command, a letter as in pg_policy: r, w, d.
(NOT EXISTS (
   SELECT FROM pg_catalog.pg_policy p
    WHERE p.polrelid = t.oid AND p.polpermissive AND @policy_applies@
      AND p.polcmd IN ('*', done.command)
      AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true')
 OR EXISTS (
   SELECT FROM pg_catalog.pg_policy p
    WHERE p.polrelid = t.oid AND NOT p.polpermissive AND @policy_applies@
      AND p.polcmd IN ('*', done.command)))
