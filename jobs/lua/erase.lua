-- erase: remove a final job at its owner's wish, what was to be told of its result, and what others might get of it.
-- A line is kept while its batch runs, which needs its result.
--
-- ARGV[3]  ref
--
-- Returns {'missing' | 'newer' | 'not final' | 'in use', ''}, or {'erased', digest of what it asked for, or ''}.

local job = read_job(ARGV[3])
if job == nil then return {'missing', ''} end
if job.newer then return {'newer', ''} end
if not is_final(job) then return {'not final', ''} end
if job.batch then
  local tenant = split(job.ref)
  local status = redis.call('HGET', tenant_key(tenant .. '/' .. job.batch, 'batch'), 'status')
  if status and next(rules().batch_moves[status]) then return {'in use', ''} end
end
for _, id in ipairs(redis.call('SMEMBERS', tenant_key(job.ref, 'sent'))) do
  local tenant = split(job.ref)
  local delivery = read_delivery(tenant .. '/' .. id)
  if delivery and delivery.full and not delivery.newer then
    if delivery.status == 'pending' then end_delivery(delivery, 'cancelled', 'job_erased') end
    redis.call('DEL', tenant_key(delivery.ref, 'letter'))
  end
end
if job.same then redis.call('DEL', PREFIX .. 'cache:entry:' .. job.same) end
erase(job)
return {'erased', job.same or ''}
