-- Saves a consumer's position, but only over the one that it has loaded or saved before: of two
-- consumers of one name the later one fails.
-- Parameters: $1 text (the consumer's name), $2 text (the position), $3 text (the one before;
-- NULL: none).
-- Columns: none. It affects one row; none where the saved position is another than $3.
INSERT INTO @schema@.forge_change_log_consumers AS c (name, position, updated_at)
VALUES ($1, $2, pg_catalog.clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at
 WHERE c.position = $3;
