-- The columns of the log for text that every log may have, with the length of the longest text that
-- is written there (NULL: any), as rows of VALUES. A name in table_name has two parts of 63
-- characters at most, which may stand in quotes, with every quote in them doubled.
('table_name', 255), ('op', 9), ('row_id', NULL), ('changed_cols', NULL)
