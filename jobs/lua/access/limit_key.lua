-- limit_key: change how often an API key may ask.
--
-- ARGV[3]  id                                   ARGV[4]  its limits as JSON, or '' for the usual ones
--
-- Returns 'ok', 'missing', or 'ended'.

local key = PREFIX .. 'key:' .. ARGV[3]
if redis.call('EXISTS', key) == 0 then return 'missing' end
if tonumber(redis.call('ZSCORE', PREFIX .. 'ended_keys', ARGV[3]) or math.huge) <= NOW then return 'ended' end
if ARGV[4] == '' then
  redis.call('HDEL', key, 'limits')
else
  redis.call('HSET', key, 'limits', ARGV[4])
end
return 'ok'
