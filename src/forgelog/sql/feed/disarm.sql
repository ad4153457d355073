-- Disarms the doorbell, and wakes the followers that slept by it: one of them has to take it over.
-- The session is not notified any more, and has not to wait until its own notification is on disk.
-- Parameters: none.
-- Columns: set_config text, pg_advisory_unlock boolean (whether this session held it), notified
-- void (not where the queue of notifications fills up: those that sleep poll).
UNLISTEN forge_changes;
SELECT pg_catalog.set_config('synchronous_commit', 'off', true),
       pg_catalog.pg_advisory_unlock(@bell@),
       CASE WHEN pg_catalog.pg_notification_queue_usage() < 0.5
            THEN pg_catalog.pg_notify('forge_changes', '') END AS notified;
