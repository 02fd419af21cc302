-- forget_lines: erase the jobs of lines that are told in committed parts; what others may get of their results stays.
--
-- ARGV[3]  ref of the batch    ARGV[4…]  ids
--
-- Returns how many were erased.

local tenant, batch = split(ARGV[3])
local count = 0
for i = 4, #ARGV do
  local job = read_job(tenant .. '/' .. ARGV[i])
  if job and not job.newer and job.batch == batch and is_final(job) and not is_awaited(job) then
    erase(job)
    count = count + 1
  end
end
return count
