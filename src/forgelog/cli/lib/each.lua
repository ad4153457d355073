--- What commands share that take several names: doing something to each table or consumer.
-- @module forgelog.cli.lib.each

--- Does something to each of them. What fails is reported, and the others are done all the same.
-- @param context of `forgelog.cli.lib.context`
-- @tparam table names
-- @func work called with a name: returns true, whether anything was changed, a table of what else
-- --json tells, and a text to print in place of those below; or nil and an error
-- @string what the names are of: "table" or "consumer"
-- @string done what is printed where something was changed, with %s for the name
-- @string already what is printed where nothing was
-- @return the exit status
return function(context, names, work, what, done, already)
  local status = 0
  for _, name in ipairs(names) do
    -- The result: whether anything was changed, or the error.
    local ok, result, about, text = work(name)
    if ok then
      about = about or {}
      about[what], about.changed = name, result
      if not context:tell(about) then
        context.out(text or (result and done or already):format(name), "\n")
      end
    else
      context:report(result)
      status = 1
    end
  end
  return status
end
