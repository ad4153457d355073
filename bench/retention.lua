-- Keeping and trimming a hundred million changes a day, measured at one hundredth of it: what one
-- change costs, a day of a log that keeps an hour, a vacuum that shortens the log's file, and what
-- a log would be that is partitioned by ranges of seq.
for _, part in ipairs({ "volume", "day", "shorten", "partitions", "waits" }) do
  require("bench.retention." .. part)()
end
