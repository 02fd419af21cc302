-- settle_delivery: record how an attempt went, if its token still holds.
--
-- ARGV[3]  ref                 ARGV[6]  packed entry of the log
-- ARGV[4]  token of the lease  ARGV[7]  pause before the next attempt, ms; '' when none may follow
-- ARGV[5]  'delivered', 'failed' or 'gone' (the receiver wants no more)
-- ARGV[8]  whose failure it was: 'nobody' (nothing is held against the receiver), 'answered' (it lives, and refused)
--          or 'receiver' ('' for a success)               ARGV[10]  how long the attempt took, ms
-- ARGV[9]  JSON: {warn_after, disable_after: of unbroken failure, ms, disable_attempts, give_up: age at which a delivery
--          is given up, ms, share: how much of its time the circuit stays open if it opens now}
--
-- For the circuit a receiver that answers with a refusal lives: that is a success, though its endpoint is failing all
-- the same. What is nobody's failure is ignored. A test says nothing but by its success.
--
-- Returns {'ok' | 'already', status, reason if the endpoint was disabled, else ''} or {'fenced', '', ''}.

local MOST_TRIES = 50
local SLOW_MS = 2000
local delivery, token, limits = read_delivery(ARGV[3]), tonumber(ARGV[4]), cjson.decode(ARGV[9])
if delivery == nil or delivery.newer or delivery.fence ~= token then return {'fenced', '', ''} end
if delivery.settled == token then return {'already', delivery.status, ''} end
if delivery.status ~= 'pending' then return {'fenced', '', ''} end

local tenant = split(delivery.ref)
local receiver, is_success = receiver_of(delivery), ARGV[5] == 'delivered'
local endpoint, key = endpoint_id(receiver), tenant_key(receiver, 'receiver')

local function number(name) return tonumber(redis.call('HGET', key, name) or 0) end

local function outcome()
  if ARGV[8] == 'nobody' then return 'ignored' end
  return (is_success or ARGV[8] == 'answered') and 'success' or 'failure'
end

local function tell_circuit()
  local circuit = circuit_of(receiver)
  local id = delivery.probe == 1 and delivery.ref or nil
  circuit:record(id, delivery.period or circuit.period, outcome(), false, limits.share)
end

-- What is held against a receiver, or for it.
local function remember()
  redis.call('HSET', key, 'pace', tonumber(ARGV[10]) < SLOW_MS and 'quick' or 'slow')
  redis.call('PEXPIRE', key, rules().log)
  if is_success then
    redis.call('HDEL', key, 'failing', 'fails', 'warned')
  elseif redis.call('HINCRBY', key, 'fails', 1) == 1 then
    redis.call('HSET', key, 'failing', NOW)
  end
end

-- A test that succeeds makes up for failures as any other success, and enables what was not disabled on purpose.
local function make_up()
  redis.call('HDEL', tenant_key(tenant .. '/' .. endpoint, 'receiver'), 'failing', 'fails', 'warned')
  circuit_of(tenant .. '/' .. endpoint):make_up()
  if redis.call('HGET', endpoint_key(tenant, endpoint), 'reason') ~= 'asked' then enable(tenant, endpoint) end
  reschedule(tenant .. '/' .. endpoint)
end

-- Warn of an endpoint that has failed for days, then disable it; the reason if it is.
local function judge()
  local since, fails = number('failing'), number('fails')
  if fails < limits.disable_attempts then return '' end
  if NOW - since >= limits.disable_after then
    disable(tenant, endpoint, 'failing')
    return 'failing'
  end
  if NOW - since >= limits.warn_after and redis.call('HSETNX', key, 'warned', NOW) == 1 then
    tell_of_endpoint(tenant, endpoint, 'endpoint.disabling', 'failing')
  end
  return ''
end

local state = not endpoint and 'enabled' or redis.call('HGET', endpoint_key(tenant, endpoint), 'state')
local is_heard = state and state ~= 'disabled' and not delivery.test
if is_heard then tell_circuit() end
land(delivery)
write(delivery, 'settled', token)
local tries = tenant_key(delivery.ref, 'tries')
redis.call('RPUSH', tries, ARGV[6])
redis.call('LTRIM', tries, -MOST_TRIES, -1)
if ARGV[8] ~= 'nobody' and is_heard then remember() end

local again_at = ARGV[7] ~= '' and NOW + tonumber(ARGV[7])
local disabled = ''
if is_success then
  end_delivery(delivery, 'delivered')
  if delivery.test and state then make_up() end
elseif not state then
  end_delivery(delivery, 'cancelled', 'endpoint_deleted')
elseif state == 'disabled' and not delivery.test then
  end_delivery(delivery, 'failed', 'endpoint_disabled')
elseif delivery.test or ARGV[5] == 'gone' or not again_at or again_at - delivery.since >= limits.give_up then
  write(delivery, 'failures', delivery.failures + 1)
  end_delivery(delivery, 'failed')
else
  write(delivery, 'failures', delivery.failures + 1)
  wait_until(delivery, again_at)
end
if endpoint and is_heard then
  if ARGV[5] == 'gone' then
    disabled = 'gone'
    disable(tenant, endpoint, 'gone')
  elseif ARGV[8] ~= 'nobody' then
    disabled = judge()
  end
end
return {'ok', delivery.status, disabled}
