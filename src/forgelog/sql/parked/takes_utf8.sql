-- Whether every text in UTF-8 can be stored by this connection.
-- Parameters: none.
-- Columns: yes boolean.
SELECT pg_catalog.getdatabaseencoding() = 'UTF8'
         AND pg_catalog.pg_client_encoding() = 'UTF8' AS yes;
