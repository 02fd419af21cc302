-- test_endpoint: have one attempt made at an endpoint, whatever its state and its circuit; a success enables it again.
--
-- ARGV[3]  ref    ARGV[4]  id of the event    ARGV[5]  its type    ARGV[6]  the body
--
-- Returns the delivery's id, or '' if there is no such endpoint.

local tenant, id = split(ARGV[3])
if redis.call('EXISTS', endpoint_key(tenant, id)) == 0 then return '' end
local event = {id = ARGV[4], type = ARGV[5], subject = id}
local made = delivery_id(event, id)
if redis.call('EXISTS', tenant_key(tenant .. '/' .. made, 'dlv')) == 0 then
  write_delivery(tenant, event, ARGV[6], {receiver = id .. '!test', kind = id, url = '', test = 1})
  redis.call('PUBLISH', OUTBOX, 1)
end
return made
