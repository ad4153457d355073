-- From now on this session is notified when a writer finds that a follower sleeps.
-- Parameters: none. Columns: none.
LISTEN forge_changes;
