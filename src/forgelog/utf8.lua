--- Text that must be UTF-8 where it goes, and may come from a database of another encoding.
-- @module forgelog.utf8

local utf8 = {}

-- The sequences of bytes that UTF-8 has above ASCII: T is a byte that goes on with a character.
local SEQUENCES = {
  "^[\194-\223]T", "^\224[\160-\191]T", "^[\225-\236\238\239]TT", "^\237[\128-\159]T",
  "^\240[\144-\191]TT", "^[\241-\243]TTT", "^\244[\128-\143]TT",
}
for i, pattern in ipairs(SEQUENCES) do SEQUENCES[i] = pattern:gsub("T", "[\128-\191]") end

local function sequence(text, from)
  for _, pattern in ipairs(SEQUENCES) do
    local found = text:match(pattern, from)
    if found then return found end
  end
end

--- The text with something else in place of each byte that is no UTF-8.
-- @string text
-- @func replace called with such a byte as a number; returns what takes its place
-- @return the text, and whether anything in it was replaced
function utf8.mend(text, replace)
  if not text:find("[\128-\255]") then return text, false end
  local parts, at, mended = {}, 1, false
  while at <= #text do
    local part = text:match("^[%z\1-\127]+", at) or sequence(text, at)
    mended = mended or not part
    parts[#parts + 1] = part or replace(text:byte(at))
    at = at + (part and #part or 1)
  end
  return table.concat(parts), mended
end

return utf8
