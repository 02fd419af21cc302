-- retiring_batches: the batches that are to be forgotten; others are told of them again a while later.
--
-- ARGV[3]  most    ARGV[4]  for how long others leave them alone, ms
--
-- Returns their refs.

local ENDED = PREFIX .. 'ended_batches'
local due = {}
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', NOW, 'LIMIT', 0, tonumber(ARGV[3]))) do
  local batch = read_batch(ref)
  if batch and batch.newer then
    redis.call('ZADD', ENDED, NOW + FORGOTTEN_AFTER_MS, ref)
  else
    redis.call('ZADD', ENDED, NOW + tonumber(ARGV[4]), ref)
    due[#due + 1] = ref
  end
end
return due
