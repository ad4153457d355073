---@meta forgelog.metrics

---The status of a log as Prometheus reads it. Every metric is a gauge named forgelog_..., in
---seconds, bytes or changes, with the label `schema` (and `database` where the status tells it);
---numbers that are not known are left out, and metrics without any number are too.
---@param status forgelog.status.Status what `Log:status` returned
---@return string # the text, each line of it ended
local function metrics(status) end

return metrics
