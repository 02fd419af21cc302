-- emit: add generated tokens to a job's log.
--
-- ARGV[3]  ref                 ARGV[6]  how many tokens
-- ARGV[4]  token of the lease  ARGV[7]  packed chunk: ids and text pieces
-- ARGV[5]  index of the first  ARGV[8]  lease, ms
--
-- Returns {'ok' | 'already' | 'fenced', tokens stored}. Only tokens that begin at the count stored are taken, so that
-- neither a woken zombie nor a resent call can double one. 'already' means that the answer to an earlier call of the
-- same attempt was lost: its writer goes on from the count stored. 'fenced' means that the token no longer holds, or
-- that tokens in between are missing.

local job = read_job(ARGV[3])
local first = tonumber(ARGV[5])
if not holds(job, tonumber(ARGV[4])) then return {'fenced', 0} end
local stored = job.emitted or 0
if first > stored then return {'fenced', stored} end
take_back(job, tonumber(ARGV[8]))
if first < stored then return {'already', stored} end
local count = tonumber(ARGV[6])
redis.call('RPUSH', tenant_key(job.ref, 'tokens'), ARGV[7])
put(job, 'emitted', stored + count)
if job.streamed then
  wake(job)
  if job.led then sharing().wake_all(job) end
end
return {'ok', stored + count}
