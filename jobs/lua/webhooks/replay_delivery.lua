-- replay_delivery: have a delivery go again, with the whole schedule before it; one that waits goes now.
--
-- ARGV[3]  ref
--
-- Returns 'ok', 'missing', 'newer', 'disabled' or 'not replayable' (its endpoint or its body is gone).

local delivery = read_delivery(ARGV[3])
if delivery == nil then return 'missing' end
if delivery.newer then return 'newer' end
local tenant = split(delivery.ref)
local endpoint = endpoint_id(receiver_of(delivery))
if endpoint then
  local state = redis.call('HGET', endpoint_key(tenant, endpoint), 'state')
  if not state then return 'not replayable' end
  if state == 'disabled' then return 'disabled' end
end
if delivery.test or redis.call('EXISTS', tenant_key(delivery.ref, 'letter')) == 0 then return 'not replayable' end
if delivery.status ~= 'pending' then
  revive(delivery)
elseif delivery.place == 'due' then
  wait_until(delivery, NOW)
end
redis.call('PUBLISH', OUTBOX, 1)
return 'ok'
