-- revoke_key: end an API key now. One that has ended before stays as it ended.
--
-- ARGV[3]  id
--
-- Returns 'ok' or 'missing'.

local key = PREFIX .. 'key:' .. ARGV[3]
if redis.call('EXISTS', key) == 0 then return 'missing' end
local ends = tonumber(redis.call('ZSCORE', PREFIX .. 'ended_keys', ARGV[3]) or math.huge)
if ends > NOW then
  redis.call('HSET', key, 'revoked', NOW)
  redis.call('ZADD', PREFIX .. 'ended_keys', NOW, ARGV[3])
end
return 'ok'
