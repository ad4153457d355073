-- Whether this role may make capture functions, over p = pg_proc, forge_capture_insert of the log's
-- schema, and o = pg_namespace, that schema. The generator runs with the rights of whoever makes
-- them, so a superuser does not run one of somebody else's. Whom a function is given to must be
-- allowed to make one, unless a superuser gives it.
EXISTS (SELECT FROM pg_catalog.pg_proc x
                 WHERE x.pronamespace = o.oid AND x.proname = 'forge_compile')
  AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_proc x JOIN pg_catalog.pg_roles r ON r.oid = x.proowner
          JOIN pg_catalog.pg_roles me ON me.rolname = current_user
         WHERE x.pronamespace = o.oid AND me.rolsuper AND NOT r.rolsuper
           AND x.proname IN ('forge_describe', 'forge_shape', 'forge_compile'))
  AND pg_catalog.has_schema_privilege(o.oid, 'CREATE')
  AND ((SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
       OR pg_catalog.pg_get_userbyid(p.proowner) = current_user
       OR pg_catalog.pg_has_role(p.proowner, 'USAGE')
          AND pg_catalog.has_schema_privilege(p.proowner, o.oid, 'CREATE'))
