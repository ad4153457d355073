-- Wakes the followers; a statement of PL/pgSQL.
PERFORM pg_notify('forge_changes', '')
