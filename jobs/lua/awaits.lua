-- awaits: whether a retry of a request that waits for its answer would find the job of an earlier try; changes nothing.
--
-- ARGV[3]  tenant                               ARGV[4]  fingerprint of the request
--
-- Returns 1 or 0.

local tries = redis.call('ZRANGE', foreground_key(ARGV[3] .. '/', ARGV[4]), 0, -1, 'WITHSCORES')
for i = 1, #tries, 2 do
  if attaches(read_job(ARGV[3] .. '/' .. tries[i]), tries[i + 1]) then return 1 end
end
return 0
