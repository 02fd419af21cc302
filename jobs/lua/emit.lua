-- emit: add generated tokens to a job's log.
--
-- ARGV[3]  ref                 ARGV[6]  how many tokens
-- ARGV[4]  token of the lease  ARGV[7]  packed chunk: ids and text pieces
-- ARGV[5]  index of the first  ARGV[8]  lease, ms
--
-- Returns {'ok' | 'already' | 'fenced', tokens stored}. Refused ('fenced') unless the token holds the lease and
-- the first index is the count stored, so that neither a woken zombie nor a resent call can double a token.

local job = read_job(ARGV[3])
local first, count = tonumber(ARGV[5]), tonumber(ARGV[6])
if not holds(job, tonumber(ARGV[4]), tonumber(ARGV[8])) then return {'fenced', 0} end
local stored = job.emitted or 0
if first + count <= stored then return {'already', stored} end
if first ~= stored then return {'fenced', stored} end
redis.call('RPUSH', tenant_key(job.ref, 'tokens'), ARGV[7])
put(job, 'emitted', stored + count)
if job.streamed then wake(job) end
return {'ok', stored + count}
