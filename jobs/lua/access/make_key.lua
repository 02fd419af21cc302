-- make_key: make an API key, or the successor of one.
--
-- ARGV[3]  id                                   ARGV[6]  how long it is good, ms; '' for ever
-- ARGV[4]  name of the pepper, or ''            ARGV[7]  how long ended keys are kept, ms
-- ARGV[5]  hash of the secret
-- of a first one:                               of a successor, which takes all but the hash from its predecessor:
-- ARGV[8]  ''                                   ARGV[8]  the predecessor's id
-- ARGV[9]  tenant                               ARGV[9]  how long that one stays good, ms
-- ARGV[10] name
-- ARGV[11] scopes, with commas between
-- ARGV[12] its limits as JSON, or ''
--
-- Returns {'ok'} (also for a repeat), {'missing'}, {'ended'}, or {'other', id} for a line with two live keys.

local function key_of(id) return PREFIX .. 'key:' .. id end
local function end_of(id) return tonumber(redis.call('ZSCORE', PREFIX .. 'ended_keys', id) or math.huge) end
local function is_live(id)
  return id and redis.call('EXISTS', key_of(id)) == 1 and end_of(id) > NOW
end

local id, old = ARGV[3], ARGV[8]
if redis.call('EXISTS', key_of(id)) == 1 then return {'ok'} end

local tenant, name, scopes, lifetime, limits = ARGV[9], ARGV[10], ARGV[11], ARGV[6], ARGV[12]
if old ~= '' then
  local found = redis.call('HMGET', key_of(old), 'tenant', 'name', 'scopes', 'lifetime', 'from', 'to', 'limits')
  if not found[1] then return {'missing'} end
  if not is_live(old) then return {'ended'} end
  for i = 5, 6 do
    if is_live(found[i]) then return {'other', found[i]} end
  end
  tenant, name, scopes, lifetime, limits = found[1], found[2], found[3], found[4] or '', found[7] or ''
  redis.call('HSET', key_of(old), 'to', id)
  redis.call('ZADD', PREFIX .. 'ended_keys', 'LT', NOW + tonumber(ARGV[9]), old)
end

local made = {'tenant', tenant, 'name', name, 'scopes', scopes, 'pepper', ARGV[4], 'hash', ARGV[5], 'created', NOW}
for field, value in pairs({lifetime = lifetime, from = old, limits = limits}) do
  if value ~= '' then
    made[#made + 1] = field
    made[#made + 1] = value
  end
end
redis.call('HSET', key_of(id), unpack(made))
redis.call('ZADD', PREFIX .. 'keys', NOW, id)
redis.call('ZADD', owned_key(tenant, 'keys'), NOW, id)
if lifetime ~= '' then redis.call('ZADD', PREFIX .. 'ended_keys', NOW + tonumber(lifetime), id) end

for _, gone in ipairs(redis.call('ZRANGE', PREFIX .. 'ended_keys', '-inf', NOW - tonumber(ARGV[7]), 'BYSCORE', 'LIMIT', 0, 100)) do
  redis.call('ZREM', owned_key(redis.call('HGET', key_of(gone), 'tenant'), 'keys'), gone)
  redis.call('ZREM', PREFIX .. 'keys', gone)
  redis.call('ZREM', PREFIX .. 'ended_keys', gone)
  redis.call('DEL', key_of(gone))
end
return {'ok'}
