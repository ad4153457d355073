-- Ends what feed/listen.sql began.
-- Parameters: none. Columns: none.
UNLISTEN forge_changes;
