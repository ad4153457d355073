-- Wakes the followers, where one sleeps; a statement of PL/pgSQL.
IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(@bell@) THEN
    PERFORM pg_catalog.pg_notify('forge_changes', '');
  END IF
