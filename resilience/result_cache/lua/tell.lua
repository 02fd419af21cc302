-- tell: the sums.
--
-- ARGV[3]  who asks
--
-- Returns entries, bytes, hits, misses, stores, evictions, and hits and misses of who asks.

local numbers = {redis.call('ZCARD', USED)}
for _, field in ipairs({'bytes', 'hits', 'misses', 'stores', 'evictions', 'hits:' .. ARGV[3], 'misses:' .. ARGV[3]}) do
  numbers[#numbers + 1] = tonumber(redis.call('HGET', COUNTS, field) or 0)
end
return numbers
