-- Forgets that a table is watched.
DELETE FROM @schema@.forge_change_log_watches WHERE relation = @relation@::oid;
