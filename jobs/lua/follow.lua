-- follow: one look of a reader at a job and its tokens; its worker records them as they come from now on. Those of a
-- follower are its leader's.
--
-- ARGV[3]  ref
-- ARGV[4]  chunks of the token log that the reader has
-- ARGV[5]  most chunks
--
-- Returns {'ok', state, version, 1 if all of the log is in one chunk, 1 if there is more, chunks…}, {'missing'} or {'newer'}.

local job = read_job(ARGV[3])
if job == nil then return {'missing'} end
if job.newer then return {'newer'} end
local is_over = is_final(job)
local log = is_over and redis.call('GET', tenant_key(job.ref, 'log'))
if log then return {'ok', job.state, job.version, 1, 0, log} end

local skip, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local leader = job.place == 'following' and sharing().leader_of(job) or nil
local chunks = redis.call('LRANGE', tenant_key(leader and leader.ref or job.ref, 'tokens'), skip, skip + most - 1)
if not is_over then
  if not job.streamed then
    put(job, 'streamed', 1)
    if job.state == 'running' and job.place ~= 'following' then
      redis.call('PUBLISH', PREFIX .. 'c:' .. job.worker, job.ref)
    end
  end
  if leader then sharing().have_streamed(leader) end
  if #chunks > 0 and not job.seen then put(job, 'seen', 1) end
end
return {'ok', job.state, job.version, 0, #chunks == most and 1 or 0, unpack(chunks)}
