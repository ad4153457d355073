--- busted's TAP output, with a line "# took N s" behind each spec that took a tenth of a second or
-- more. By itself it stops with an error at a spec file that does not load.
return function(options)
  local busted = require "busted"
  busted.subscribe({ "error" }, function(element, _, _, trace)
    if trace and not trace.currentline then
      trace.short_src, trace.currentline = element.name or "?", 0
    end
    return nil, true
  end, { priority = 1 })
  local handler = require "busted.outputHandlers.TAP"(options)
  local started
  busted.subscribe({ "test", "start" }, function()
    started = busted.monotime()
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function()
    local seconds = busted.monotime() - started
    if seconds >= 0.1 then
      io.write(("# took %.1f s\n"):format(seconds))
      io.flush()
    end
    return nil, true
  end)
  return handler
end
