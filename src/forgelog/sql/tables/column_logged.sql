-- Which of some columns a change in the log names, as one may that a table had once.
-- Parameters: $1 text[] (their names).
-- Columns: name text.
SELECT c.name
  FROM pg_catalog.unnest($1::text[]) AS c(name)
 WHERE EXISTS (SELECT FROM @schema@.forge_change_log l
                WHERE l.op = 'UPDATE'
                  AND CASE WHEN c.name ~ '[,"]' THEN
                        pg_catalog.strpos(l.changed_cols, @listed_name@) > 0
                      ELSE ARRAY[c.name, '"' || c.name || '"']
                           && pg_catalog.string_to_array(l.changed_cols, ',') END);
