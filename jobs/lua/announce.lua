-- announce: have senders make the attempts that are due, as far as they have room.
--
-- ARGV[3]  JSON: {concurrency, rate: per second, give_up: age at which a delivery is given up, ms}, of each receiver
-- ARGV[4]  how long a message may stay unclaimed before its delivery goes back, ms
-- ARGV[5]  most deliveries per call
--
-- A receiver that has as many attempts under way as it may, or whose circuit is open, is not looked at again before
-- that ends, so nobody reads its backlog. While three quarters of the senders' room are taken, each receiver has one
-- attempt at a time: slow ones leave the rest to others.
--
-- Returns tenant, delivery id, tenant, delivery id …: the messages to publish.

local rules, grace, most = cjson.decode(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local interval = 1000 / rules.rate
local CHUNK = 200

-- Take from the list what a paused endpoint has missed, now that there is room for it.
local function catch_up(tenant, id)
  local key = endpoint_key(tenant, id)
  local found = redis.call('HMGET', key, 'state', 'missed', 'types')
  if found[1] ~= 'paused' or redis.call('ZCARD', tenant_key(tenant .. '/' .. id, 'due')) > RULES.backlog / 2 then return end
  local entries = redis.call('XRANGE', owned_key(tenant, 'events'), found[2], '+', 'COUNT', CHUNK)
  for _, entry in ipairs(entries) do
    local event = event_at(entry[1], entry[2])
    if wants(found[3], event.type) then write_to_endpoint(tenant, event, id) end
  end
  if #entries < CHUNK then
    redis.call('HSET', key, 'state', 'enabled')
    redis.call('HDEL', key, 'missed')
  else
    redis.call('HSET', key, 'missed', '(' .. entries[#entries][1])
    redis.call('ZADD', HOOKS, NOW + 10, tenant .. '/' .. id)
  end
end

-- What waits for an endpoint that is gone or disabled is ended, a part at a time.
local function end_waiting(receiver, status, why)
  local tenant = split(receiver)
  for _, id in ipairs(redis.call('ZRANGE', tenant_key(receiver, 'due'), 0, CHUNK - 1)) do
    local delivery = read_delivery(tenant .. '/' .. id)
    if delivery and not delivery.newer then
      end_delivery(delivery, status, why)
    else
      redis.call('ZREM', tenant_key(receiver, 'due'), id)
    end
  end
  reschedule(receiver)
end

-- Whether one more attempt may be made; its share of the rate is taken.
local function permits(receiver, limit)
  local key = tenant_key(receiver, 'receiver')
  local opens, open_until = circuit(receiver)
  if redis.call('SCARD', tenant_key(receiver, 'flying')) >= (opens > 0 and 1 or limit) then
    redis.call('ZREM', HOOKS, receiver) -- the end of one of them puts it back
    return false
  end
  if open_until > NOW then
    reschedule(receiver)
    return false
  end
  local next_at = math.max(tonumber(redis.call('HGET', key, 'next_at') or 0), NOW - 1000) -- a second's worth at once
  if next_at > NOW then
    redis.call('ZADD', HOOKS, next_at, receiver)
    return false
  end
  redis.call('HSET', key, 'next_at', string.format('%.3f', next_at + interval))
  redis.call('PEXPIRE', key, RULES.log)
  return true
end

local function take_off(receiver, limit)
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
    if not (id and redis.call('HGET', endpoint_key(tenant, id), 'missed')) then reschedule(receiver) end
    return
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
  if NOW - delivery.since >= rules.give_up then return end_delivery(delivery, 'failed', 'too_old') end
  if not permits(receiver, limit) then return end
  land(delivery)
  write(delivery, 'place', 'announced')
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
  local receiver = redis.call('ZRANGEBYSCORE', HOOKS, '-inf', NOW, 'LIMIT', 0, 1)[1]
  if not receiver then break end
  local id = take_off(receiver, room * 4 > slots and rules.concurrency or 1)
  if id then
    room = room - 1
    published[#published + 1] = split(receiver)
    published[#published + 1] = id
  end
end
return published
