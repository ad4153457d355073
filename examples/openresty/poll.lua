-- What a page without a feed asks again and again: the rows with a later timestamp, and all keys.
local with_log = require "pool"

local SQL = [[
  SELECT json_build_object(
      'asked', extract(epoch FROM now()),
      'since', max(updated_at)::text,
      'products', coalesce(json_agg(json_build_object('id', id, 'name', name, 'price', price,
        'committed', extract(epoch FROM pg_xact_commit_timestamp(xmin))) ORDER BY id)
        FILTER (WHERE updated_at > $1::timestamptz), '[]'),
      'keys', (SELECT coalesce(json_agg(key), '[]') FROM api_key))::text AS answer
    FROM product]]

local function ask(log, since) return log:query(SQL, since) end

return function(since)
  local rows, err = with_log(ask, since and ngx.unescape_uri(since) or "-infinity")
  if rows then return ngx.say(rows[1].answer) end
  ngx.log(ngx.WARN, tostring(err))
  ngx.exit(503)
end
