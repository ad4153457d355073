-- A column's name as it stands in a list of names, over c = a row with the column name: quoted
-- where a comma or a quote in it would spoil the list.
CASE WHEN c.name ~ '[,"]' THEN '"' || pg_catalog.replace(c.name, '"', '""') || '"' ELSE c.name END
