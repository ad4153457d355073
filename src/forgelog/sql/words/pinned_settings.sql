-- The settings that decide how some types print their values, as rows of VALUES: every session's
-- changes name a row alike.
('TimeZone', 'UTC'), ('DateStyle', 'ISO'), ('IntervalStyle', 'postgres'),
('bytea_output', 'hex'), ('extra_float_digits', '1'), ('lc_monetary', 'C'),
('quote_all_identifiers', 'off')
