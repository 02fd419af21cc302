-- Shared by the moves of deliveries, and by every move at a job's end: where deliveries wait, fly and end.
--
-- A receiver is what deliveries wait for: a standing endpoint by its id, `{id}!test` for tests of it, or the origin
-- of jobs' own webhooks. Its ref is `tenant/receiver`. A pending delivery is in one place: `due` (waiting), `announced`
-- (its message is in the broker) or `flying` (a sender holds its lease).
--
-- A receiver has a circuit (_circuit.lua), with its ref as the key. The probe of one that is half_open is a delivery: its
-- place has the delivery's ref for an id, and ends with its flight.

local HOOKS = PREFIX .. 'hooks'
local FLIGHTS = PREFIX .. 'flights'
local FORGET = PREFIX .. 'forget'
local PENDING = PREFIX .. 'pending'
local CIRCUITS = PREFIX .. 'circuit:receiver:'
local OUTBOX = PREFIX .. 'outbox'
local LOST_TOO_OFTEN = 10
local CATCH_UP_MS = 10
local LOOK_WHILE_HELD_MS = 900000

local DELIVERY_NUMBERS = {'schema', 'created', 'since', 'attempts', 'failures', 'fence', 'settled', 'lost', 'finished',
  'probe', 'period'}
local function read_delivery(ref) return read_record(ref, 'dlv', DELIVERY_NUMBERS) end

local function write(delivery, ...)
  local fields = {...}
  redis.call('HSET', tenant_key(delivery.ref, 'dlv'), unpack(fields))
  for i = 1, #fields, 2 do delivery[fields[i]] = fields[i + 1] end
end
local function clear(delivery, ...)
  redis.call('HDEL', tenant_key(delivery.ref, 'dlv'), ...)
  for _, name in ipairs({...}) do delivery[name] = nil end
end

local function receiver_of(delivery)
  local tenant = split(delivery.ref)
  return tenant .. '/' .. delivery.receiver
end
local function sender_key(sender) return PREFIX .. 's:' .. sender .. ':flights' end

-- The id of the standing endpoint behind a receiver, or nil for the origin of jobs' own webhooks.
local function endpoint_id(receiver)
  local _, name = split(receiver)
  if string.sub(name, 1, 3) == 'we_' then return (string.gsub(name, '!test$', '')) end
end
local function endpoint_key(tenant, id) return PREFIX .. 't:' .. tenant .. ':endpoint:' .. id end

local function circuit_of(receiver) return Circuit.read(CIRCUITS, receiver, rules().circuit, NOW) end

-- The same, and a number that is kept of the receiver. A circuit that a release before this one has opened goes on: it
-- was opened so often in a row, the last time until an instant.
local function circuit_and(receiver, name)
  local key = tenant_key(receiver, 'receiver')
  local found = redis.call('HMGET', key, name, 'opens', 'open_until')
  local circuit = circuit_of(receiver)
  if found[2] then
    redis.call('HDEL', key, 'opens', 'open_until', 'window', 'ok', 'bad', 'ok_before', 'bad_before')
    if circuit:position() == 'closed' and not circuit.forced then
      circuit:open_until(tonumber(found[2]), tonumber(found[3]))
      circuit:keep()
    end
  end
  return circuit, tonumber(found[1] or 0)
end

-- What is known of a receiver is forgotten, but an operator's word on its circuit.
local function forget_receiver(receiver)
  redis.call('DEL', tenant_key(receiver, 'receiver'))
  circuit_of(receiver):forget()
end

-- Whether an endpoint has missed events while its backlog was full, and there is room for them by now.
local function can_catch_up(receiver)
  local id = endpoint_id(receiver)
  local tenant = split(receiver)
  return id and redis.call('HEXISTS', endpoint_key(tenant, id), 'missed') == 1
    and redis.call('ZCARD', tenant_key(receiver, 'due')) <= math.max(1, rules().backlog / 2)
end

-- Say when somebody must look at a receiver next; never while nothing waits. While an operator holds its circuit open,
-- that is for those that have become too old. Those that are due take turns: one that was served goes behind those that
-- have waited since before that.
local function reschedule(receiver)
  local head = redis.call('ZRANGE', tenant_key(receiver, 'due'), 0, 0, 'WITHSCORES')
  local at = tonumber(head[2])
  if can_catch_up(receiver) then at = math.min(at or NOW + CATCH_UP_MS, NOW + CATCH_UP_MS) end
  if not at then
    redis.call('ZREM', HOOKS, receiver)
    return
  end
  local circuit, served = circuit_and(receiver, 'served')
  local free_at = circuit:free_at()
  if not free_at then
    local known = tonumber(redis.call('ZSCORE', HOOKS, receiver) or 0)
    free_at = math.min(known > NOW and known or math.huge, NOW + LOOK_WHILE_HELD_MS)
  end
  redis.call('ZADD', HOOKS, math.max(at, free_at, served), receiver)
end

-- Take a delivery out of the place where it is.
local function land(delivery)
  local receiver = receiver_of(delivery)
  local _, id = split(delivery.ref)
  if delivery.place == 'due' then
    redis.call('ZREM', tenant_key(receiver, 'due'), id)
  elseif delivery.place then
    redis.call('SREM', tenant_key(receiver, 'flying'), id)
    redis.call('ZREM', FLIGHTS, delivery.ref)
    if delivery.sender then redis.call('SREM', sender_key(delivery.sender), delivery.ref) end
    if delivery.probe == 1 then circuit_of(receiver):give_back(delivery.ref) end
  end
  clear(delivery, 'place', 'sender', 'claim_id', 'probe')
end

-- A delivery that is in no place waits until an instant.
local function wait_until(delivery, at)
  local receiver = receiver_of(delivery)
  local _, id = split(delivery.ref)
  write(delivery, 'place', 'due')
  redis.call('ZADD', tenant_key(receiver, 'due'), at, id)
  reschedule(receiver)
end

-- How many are not over. Those of a release that does not count them are taken away uncounted; once all are over it
-- is right again.
local function count_pending() redis.call('INCR', PENDING) end
local function uncount_pending()
  if redis.call('DECR', PENDING) <= 0 then redis.call('DEL', PENDING) end
end

-- A delivery is over. `why` is given where no attempt has ended it.
local function end_delivery(delivery, status, why)
  land(delivery)
  uncount_pending()
  write(delivery, 'status', status, 'finished', NOW)
  if why then write(delivery, 'ended_as', why) end
  local tenant, id = split(delivery.ref)
  if status == 'failed' and not delivery.test then
    redis.call('ZADD', owned_key(tenant, 'undelivered'), delivery.created, id)
  end
  reschedule(receiver_of(delivery))
end

-- Begin the whole schedule of a delivery again.
local function revive(delivery)
  local tenant, id = split(delivery.ref)
  redis.call('ZREM', owned_key(tenant, 'undelivered'), id)
  redis.call('ZADD', FORGET, NOW + rules().log, delivery.ref)
  count_pending()
  write(delivery, 'status', 'pending', 'since', NOW, 'failures', 0)
  clear(delivery, 'finished', 'ended_as', 'lost')
  wait_until(delivery, NOW)
end

-- A delivery whose message or whose sender is lost goes again at once; its receiver may hear of it twice.
local function come_back(delivery)
  local was_flying = delivery.place == 'flying'
  if was_flying and delivery.probe == 1 then circuit_of(receiver_of(delivery)):lose(delivery.ref) end
  land(delivery)
  if was_flying then write(delivery, 'lost', (delivery.lost or 0) + 1) end
  if (delivery.lost or 0) >= LOST_TOO_OFTEN then
    end_delivery(delivery, 'failed', 'sender_lost')
  else
    wait_until(delivery, NOW)
  end
end

-- Erase what is kept of a delivery that is over.
local function forget(delivery)
  local tenant, id = split(delivery.ref)
  redis.call('SREM', tenant_key(tenant .. '/' .. delivery.subject, 'sent'), id)
  redis.call('ZREM', owned_key(tenant, 'deliveries'), id)
  redis.call('ZREM', owned_key(tenant, 'undelivered'), id)
  redis.call('ZREM', FORGET, delivery.ref)
  for _, kind in ipairs({'dlv', 'letter', 'tries'}) do redis.call('DEL', tenant_key(delivery.ref, kind)) end
end
