std = "min"
max_line_length = 100
exclude_files = { "build", "forgelog" }
self = false
-- Lua 5.1 has the one, 5.4 the other.
read_globals = { "unpack", "jit", table = { fields = { "unpack" } } }
files["spec"] = { std = "+busted" }
files["spec/soak"] = { std = "lua54" }
for _, path in ipairs({ "src/forgelog/wait/openresty.lua", "src/forgelog/cache.lua", "src/forgelog/cache",
  "src/forgelog/store/shared.lua", "examples/openresty",
  "examples/api_keys", "examples/basic_auth" }) do
  files[path] = { read_globals = { "ngx" } }
end
