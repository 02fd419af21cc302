-- put: keep a value, and make room for it: first of what has expired, then of what was used longest ago.
--
-- ARGV[3]  stamp                          ARGV[6]  time to live, ms
-- ARGV[4]  value                          ARGV[7]  budget, bytes
-- ARGV[5]  bytes that count for it        ARGV[8]  a Redis key without which nothing is kept any more, or ''
--
-- Returns 'stored', 'unwanted' or 'too large'.

if ARGV[8] ~= '' and redis.call('EXISTS', ARGV[8]) == 0 then return 'unwanted' end
remove(KEY)
local size, budget = tonumber(ARGV[5]), tonumber(ARGV[7])
if size > budget then return 'too large' end
while tonumber(redis.call('HGET', COUNTS, 'bytes') or 0) + size > budget do
  local expired = redis.call('ZRANGEBYSCORE', ENDS, '-inf', NOW, 'LIMIT', 0, 1)[1]
  if not expired then add('evictions', 1) end
  remove(expired or redis.call('ZRANGE', USED, 0, 0)[1])
end
local ends = NOW + tonumber(ARGV[6])
redis.call('SET', entry(KEY), ARGV[3] .. '\n' .. ARGV[4], 'PXAT', ends)
redis.call('HSET', SIZES, KEY, size)
redis.call('ZADD', ENDS, ends, KEY)
use(KEY)
add('bytes', size)
add('stores', 1)
return 'stored'
