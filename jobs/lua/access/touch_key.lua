-- touch_key: note that an API key was used, to the minute.
--
-- ARGV[3]  id                                   ARGV[4]  how long ago, ms

local key = PREFIX .. 'key:' .. ARGV[3]
local minute = math.floor((NOW - tonumber(ARGV[4])) / 60000) * 60000
if redis.call('EXISTS', key) == 1 and tonumber(redis.call('HGET', key, 'used') or 0) < minute then
  redis.call('HSET', key, 'used', minute)
end
