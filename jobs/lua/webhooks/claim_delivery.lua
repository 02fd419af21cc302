-- claim_delivery: take the lease of an announced delivery.
--
-- ARGV[3]  ref        ARGV[5]  lease, ms
-- ARGV[4]  sender     ARGV[6]  id of this claim: the same again means that the answer was lost on the way
--
-- Whether its receiver may be asked is looked at again: its circuit may have opened, its endpoint be gone meanwhile.
--
-- Returns {'claimed', token, number, failures, event, type, endpoint id or '', url, letter, trace or '', 1 for a test,
-- sealed secrets…} or {'skipped', why}.

local delivery = read_delivery(ARGV[3])
if delivery == nil then return {'skipped', 'missing'} end
if delivery.newer then return {'skipped', 'written by a newer release'} end
local tenant, id = split(ARGV[3])
local receiver = receiver_of(delivery)
local endpoint = endpoint_id(receiver)

local function answer()
  local letter = redis.call('GET', tenant_key(delivery.ref, 'letter'))
  local url = endpoint and redis.call('HGET', endpoint_key(tenant, endpoint), 'url') or ''
  local reply = {'claimed', delivery.fence, delivery.attempts, delivery.failures, delivery.event, delivery.type,
    endpoint or '', url, letter, delivery.trace or '', delivery.test and 1 or 0}
  local secrets = redis.call('GET', PREFIX .. 't:' .. tenant .. ':secrets:' .. (endpoint or 'default'))
  for _, secret in ipairs(secrets and cjson.decode(secrets) or {}) do
    if not secret['until'] or secret['until'] > NOW then reply[#reply + 1] = secret.sealed end
  end
  return reply
end

if delivery.place == 'flying' and delivery.claim_id == ARGV[6] then return answer() end
if delivery.place ~= 'announced' then return {'skipped', 'not announced'} end
local state = endpoint and redis.call('HGET', endpoint_key(tenant, endpoint), 'state')
if endpoint and not state then
  end_delivery(delivery, 'cancelled', 'endpoint_deleted')
  return {'skipped', 'its endpoint was deleted'}
end
if state == 'disabled' and not delivery.test then
  end_delivery(delivery, 'failed', 'endpoint_disabled')
  return {'skipped', 'its endpoint is disabled'}
end
local circuit = circuit_of(receiver)
local may_pass, is_probe = circuit:pass(delivery.ref, tonumber(ARGV[5]))
if not may_pass then
  land(delivery)
  wait_until(delivery, NOW)
  return {'skipped', 'the circuit is open'}
end
delivery.probe = is_probe and 1 or 0
if redis.call('EXISTS', tenant_key(delivery.ref, 'letter')) == 0 then
  end_delivery(delivery, 'cancelled', 'job_erased')
  return {'skipped', 'its body was erased'}
end

-- The clock is part of the token: a server that has lost its last writes must not give the same one again.
write(delivery, 'fence', math.max((delivery.fence or 0) + 1, NOW), 'attempts', (delivery.attempts or 0) + 1,
  'place', 'flying', 'sender', ARGV[4], 'claim_id', ARGV[6], 'probe', delivery.probe, 'period', circuit.period)
redis.call('ZADD', FLIGHTS, NOW + tonumber(ARGV[5]), delivery.ref)
redis.call('SADD', sender_key(ARGV[4]), delivery.ref)
return answer()
