-- Whether a consumer has parked changes.
-- Parameters: $1 text (the consumer).
-- Columns: any boolean.
SELECT EXISTS (SELECT FROM @schema@.forge_change_log_parked WHERE consumer = $1) AS any;
