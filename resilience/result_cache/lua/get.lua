-- get: the value of an entry, if it was put under the same stamp.
--
-- ARGV[3]  stamp    ARGV[4]  who asks
--
-- Returns {value, ms until it expires}, or {} for a miss.

local stored = redis.call('GET', entry(KEY))
local stamp = ARGV[3] .. '\n'
if stored and string.sub(stored, 1, #stamp) == stamp then
  use(KEY)
  add('hits', 1)
  add('hits:' .. ARGV[4], 1)
  return {string.sub(stored, #stamp + 1), tonumber(redis.call('ZSCORE', ENDS, KEY)) - NOW}
end
if not stored then remove(KEY) end
add('misses', 1)
add('misses:' .. ARGV[4], 1)
return {}
