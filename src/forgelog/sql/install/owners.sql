-- Whose the objects in the log's schema are, and who else may put some there.
-- Parameters: $1 text (the role that capture functions are to belong to; NULL: to whoever
-- installs).
-- Columns: strangers bigint (how many objects of forgelog's names belong to somebody whom this role
-- should not trust), strange text (the first two), stranger text (quoted: the owner of the first),
-- strange_functions boolean (all are one role's functions that run with its rights), creators
-- text (quoted: who else may create objects in the schema; NULL: nobody), role_unsafe boolean
-- (of $1: it could do more than write the log, or somebody could act as it), settled
-- boolean (all trigger functions belong to $1, or $1 is NULL), wanted text ($1, quoted).
WITH me AS (SELECT r.oid, r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
     wanted AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = $1::text),
     home AS (SELECT n.* FROM pg_catalog.pg_namespace n WHERE n.nspname = @schema_name@),
     functions AS (
       SELECT p.oid, p.proname, p.proowner, p.prosecdef,
              -- A comment outlives CREATE OR REPLACE, so the source says whose these two are.
              coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '') ~ '^forgelog [0-9]'
                AND (p.proname NOT IN ('forge_notify_change', 'forge_trim_change_log')
                     OR pg_catalog.strpos(p.prosrc, '-- forgelog') > 0)
                OR p.proname ~ '^forge_capture_(insert|update|delete|row)_[0-9]+$' AS own
         FROM pg_catalog.pg_proc p, home
        WHERE p.pronamespace = home.oid
          AND (p.proname IN (SELECT f.name FROM (VALUES @functions@) f(name))
               OR p.proname IN ('forge_notify_change', 'forge_trim_change_log')
               OR p.proname ~ '^forge_capture_')),
     objects AS (
       SELECT 'function ' || f.proname::text AS name, f.proowner AS owner, f.prosecdef AS definer
         FROM functions f
        WHERE f.own OR f.proname NOT IN ('forge_notify_change', 'forge_trim_change_log')
        UNION ALL
       SELECT 'relation ' || c.relname::text, c.relowner, false FROM pg_catalog.pg_class c, home
        WHERE c.relnamespace = home.oid
          AND c.relname IN (@own_tables@)),
     -- A superuser is a member of every role, and so must not take the membership for trust. What
     -- it runs with its own rights, or reads, must not be $1's either.
     strange AS (
       SELECT o.name, o.owner, o.definer FROM objects o, me
        WHERE o.owner <> me.oid AND NOT (o.definer AND o.owner IN (SELECT w.oid FROM wanted w))
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
          AND (me.rolsuper OR NOT pg_catalog.pg_has_role(o.owner, 'USAGE')))
SELECT (SELECT count(*) FROM strange) AS strangers,
       (SELECT pg_catalog.string_agg(s.name, ', ')
          FROM (SELECT s.name FROM strange s ORDER BY s.name LIMIT 2) s) AS strange,
       (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(s.owner))
          FROM strange s ORDER BY s.name LIMIT 1) AS stranger,
       (SELECT pg_catalog.bool_and(s.definer) AND count(DISTINCT s.owner) = 1 FROM strange s)
         AS strange_functions,
       (SELECT pg_catalog.string_agg(CASE a.grantee WHEN 0::oid THEN 'PUBLIC'
                 ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, ', ')
          FROM home, pg_catalog.aclexplode(home.nspacl) a
         WHERE a.privilege_type = 'CREATE' AND a.grantee NOT IN (home.nspowner, me.oid)
           AND a.grantee NOT IN (SELECT w.oid FROM wanted w)
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = a.grantee AND r.rolsuper)
       ) AS creators,
       EXISTS (SELECT FROM wanted w
                WHERE w.rolsuper OR w.rolcanlogin OR w.rolcreaterole OR w.rolcreatedb
                   OR w.rolreplication
                   OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.member = w.oid)
                   OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                                JOIN pg_catalog.pg_roles r ON r.oid = m.member
                               WHERE m.roleid = w.oid AND m.member <> me.oid AND NOT r.rolsuper)
       ) AS role_unsafe,
       $1::text IS NULL OR EXISTS (
         SELECT FROM wanted w, home
           JOIN pg_catalog.pg_class c
             ON c.relnamespace = home.oid AND c.relname = 'forge_change_log'
           JOIN pg_catalog.pg_class s
             ON s.relnamespace = home.oid AND s.relname = 'forge_change_log_state'
           JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'
          CROSS JOIN LATERAL (@log_sequence@) b(oid)
           JOIN pg_catalog.pg_sequence q ON q.seqrelid = b.oid
          WHERE pg_catalog.has_schema_privilege(w.oid, home.oid, 'USAGE')
            AND pg_catalog.has_table_privilege(w.oid, c.oid, 'SELECT')
            AND pg_catalog.has_table_privilege(w.oid, c.oid, 'INSERT')
            AND pg_catalog.has_table_privilege(w.oid, s.oid, 'SELECT')
            AND pg_catalog.has_table_privilege(w.oid, s.oid, 'UPDATE')
            AND pg_catalog.has_sequence_privilege(w.oid, q.seqrelid, 'USAGE')
            AND pg_catalog.has_sequence_privilege(w.oid, q.seqrelid, 'UPDATE'))
         AND NOT EXISTS (
           SELECT FROM functions f, wanted w
            WHERE f.own AND f.proname <> 'forge_trim_change_log'
              AND (f.prosecdef AND f.proowner <> w.oid
                   OR NOT pg_catalog.has_function_privilege(w.oid, f.oid, 'EXECUTE'))) AS settled,
       pg_catalog.quote_ident($1::text) AS wanted
  FROM me;
