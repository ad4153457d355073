-- The functions that install always makes, as rows of VALUES.
('forge_describe'), ('forge_shape'), ('forge_compile'), ('forge_reload'), ('forge_pin'),
('forge_unpin'), ('forge_log_sequence'), ('forge_log_timelines'), ('forge_log_deleted'),
('forge_log_truncated'),
('forge_capture_insert'), ('forge_capture_update'), ('forge_capture_delete'),
('forge_capture_truncate'), ('forge_capture_row')
