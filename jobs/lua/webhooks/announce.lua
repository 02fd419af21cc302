-- announce: have senders make the attempts that are due, as far as they have room.
--
-- ARGV[3]  JSON: {concurrency, rate: per second, give_up: age at which a delivery is given up, ms}, of each receiver
-- ARGV[4]  how long a message may stay unclaimed before its delivery goes back, ms
-- ARGV[5]  most deliveries per call
--
-- A receiver that has as many attempts under way as it may, or whose circuit lets none through, is not looked at again
-- before that ends, so nobody reads its backlog. When three quarters of the senders' room are taken, a receiver has one
-- attempt at a time, and one whose last attempt was slow has none; the last eighth is for those that are known to be
-- quick, and half of it for tests. So however many receivers hang, others get through.
--
-- Returns tenant, delivery id, tenant, delivery id …: the messages to publish.

local limits, grace, most = cjson.decode(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local interval = 1000 / limits.rate
local CHUNK = 200
local CROWDED_MS, MOST_PASSED_OVER = 500, 200
local UNTOUCHED_MS = 86400000
local passed_over, has_caught_up = 0, false

-- Take from the list what a paused endpoint has missed, now that there is room for it: one part per call, of one
-- endpoint, so that no call takes long.
local function catch_up(tenant, id)
  if has_caught_up or not can_catch_up(tenant .. '/' .. id) then return end
  has_caught_up = true
  local key = endpoint_key(tenant, id)
  local found = redis.call('HMGET', key, 'missed', 'types')
  local entries = redis.call('XRANGE', owned_key(tenant, 'events'), found[1], '+', 'COUNT', CHUNK)
  for _, entry in ipairs(entries) do
    local event = event_at(entry[1], entry[2])
    if wants(found[2], event.type) then write_to_endpoint(tenant, event, id) end
  end
  if #entries < CHUNK then
    redis.call('HSET', key, 'state', 'enabled')
    redis.call('HDEL', key, 'missed')
  else
    redis.call('HSET', key, 'missed', '(' .. entries[#entries][1])
  end
end

-- What waits for an endpoint that is gone or disabled is ended, a part at a time.
local function end_waiting(receiver, status, why)
  local tenant, moved = split(receiver), 0
  for _, id in ipairs(redis.call('ZRANGE', tenant_key(receiver, 'due'), 0, CHUNK - 1)) do
    local delivery = read_delivery(tenant .. '/' .. id)
    if not delivery then
      redis.call('ZREM', tenant_key(receiver, 'due'), id)
    elseif delivery.newer then
      local due = tonumber(redis.call('ZSCORE', tenant_key(receiver, 'due'), id))
      if due < NOW + UNTOUCHED_MS / 2 then moved = moved + 1 end -- so others come to the front
      redis.call('ZADD', tenant_key(receiver, 'due'), NOW + UNTOUCHED_MS, id)
    else
      end_delivery(delivery, status, why)
      moved = moved + 1
    end
  end
  reschedule(receiver)
  if moved > 0 then look_by(receiver, NOW + CATCH_UP_MS) end
end

-- How many attempts a receiver may have under way while senders have so much room left.
local function limit_of(receiver, room, slots)
  if room * 4 > slots then return limits.concurrency end
  if string.sub(receiver, -5) == '!test' then return room * 16 > slots and 1 or 0 end
  local pace = redis.call('HGET', tenant_key(receiver, 'receiver'), 'pace')
  if pace == 'quick' or (not pace and room * 8 > slots) then return 1 end
  return 0
end

-- Whether an attempt may be made, and whether it is a probe; its share of the rate, or its place, is taken.
local function permits(receiver, delivery, limit)
  local key = tenant_key(receiver, 'receiver')
  if limit == 0 then
    if passed_over < MOST_PASSED_OVER then
      passed_over = passed_over + 1 -- it keeps its place, and so its turn when there is room
    else
      redis.call('ZADD', HOOKS, NOW + CROWDED_MS, receiver)
    end
    return false
  end
  if redis.call('SCARD', tenant_key(receiver, 'flying')) >= limit then
    redis.call('ZREM', HOOKS, receiver) -- the end of one of them puts it back
    return false
  end
  local circuit, next_at = circuit_and(receiver, 'next_at')
  next_at = math.max(next_at, NOW - 1000) -- a second's worth at once
  if next_at > NOW then
    redis.call('ZADD', HOOKS, next_at, receiver)
    return false
  end
  local may_pass, is_probe = circuit:pass(delivery.ref, grace)
  if not may_pass then
    reschedule(receiver)
    return false
  end
  redis.call('HSET', key, 'next_at', string.format('%.3f', next_at + interval), 'served', NOW)
  redis.call('PEXPIRE', key, rules().log)
  return true, is_probe
end

local function take_off(receiver, room, slots)
  local tenant, name = split(receiver)
  local id = endpoint_id(receiver)
  if id and name == id then
    local state = redis.call('HGET', endpoint_key(tenant, id), 'state')
    if not state then return end_waiting(receiver, 'cancelled', 'endpoint_deleted') end
    if state == 'disabled' then return end_waiting(receiver, 'failed', 'endpoint_disabled') end
    if state == 'paused' then catch_up(tenant, id) end
  end
  local head = redis.call('ZRANGE', tenant_key(receiver, 'due'), 0, 0, 'WITHSCORES')
  if not head[1] or tonumber(head[2]) > NOW then
    return reschedule(receiver)
  end
  local delivery = read_delivery(tenant .. '/' .. head[1])
  if delivery == nil then
    redis.call('ZREM', tenant_key(receiver, 'due'), head[1])
    return reschedule(receiver)
  end
  if delivery.newer then
    redis.call('ZADD', tenant_key(receiver, 'due'), NOW + grace, head[1])
    return reschedule(receiver)
  end
  if NOW - delivery.since >= limits.give_up then
    end_delivery(delivery, 'failed', 'too_old')
    return look_by(receiver, NOW) -- the next may be too old as well, though none may be sent
  end
  local may_go, is_probe = permits(receiver, delivery, limit_of(receiver, room, slots))
  if not may_go then return end
  land(delivery)
  write(delivery, 'place', 'announced', 'probe', is_probe and 1 or 0)
  redis.call('SADD', tenant_key(receiver, 'flying'), head[1])
  redis.call('ZADD', FLIGHTS, NOW + grace, delivery.ref)
  reschedule(receiver)
  return head[1]
end

for _, ref in ipairs(redis.call('ZRANGEBYSCORE', FLIGHTS, '-inf', NOW, 'LIMIT', 0, most)) do
  local delivery = read_delivery(ref)
  if delivery == nil then
    redis.call('ZREM', FLIGHTS, ref)
  elseif delivery.newer then
    redis.call('ZADD', FLIGHTS, NOW + grace, ref)
  else
    come_back(delivery)
  end
end

local slots = 0
for _, sender in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'senders', '(' .. NOW, '+inf')) do
  slots = slots + tonumber(redis.call('HGET', PREFIX .. 's:' .. sender, 'slots') or 0)
end
local room = slots - redis.call('ZCARD', FLIGHTS)
local published, looks = {}, 0
while room > 0 and looks < most do
  looks = looks + 1
  local receiver = redis.call('ZRANGEBYSCORE', HOOKS, '-inf', NOW, 'LIMIT', passed_over, 1)[1]
  if not receiver then break end
  local id = take_off(receiver, room, slots)
  if id then
    room = room - 1
    published[#published + 1] = split(receiver)
    published[#published + 1] = id
  end
end
return published
