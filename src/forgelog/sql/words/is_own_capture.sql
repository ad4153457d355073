-- Whether a trigger of `captures` calls the table what we call it.
(p.pronamespace = home.oid
 AND (p.proname ~ '^forge_capture_'
      OR p.proname = 'forge_notify_change' AND pg_catalog.strpos(p.prosrc, '-- forgelog') > 0))
