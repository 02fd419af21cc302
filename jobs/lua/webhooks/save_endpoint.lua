-- save_endpoint: make a standing endpoint, or change one.
--
-- ARGV[3]  ref                                ARGV[5]  most endpoints of a tenant; '' to change one
-- ARGV[4]  JSON: those of name, url, types (',a,b,') and state that are given
-- ARGV[6]  sealed secret of a new one, or ''  ARGV[7]  its hint
--
-- Returns 'ok', 'missing' or 'full'.

local tenant, id = split(ARGV[3])
local given, key = cjson.decode(ARGV[4]), endpoint_key(tenant, id)
local exists = redis.call('EXISTS', key) == 1
if ARGV[5] == '' then
  if not exists then return 'missing' end
elseif exists then
  return 'ok' -- a repeat
else
  if redis.call('ZCARD', owned_key(tenant, 'endpoints')) >= tonumber(ARGV[5]) then return 'full' end
  redis.call('ZADD', owned_key(tenant, 'endpoints'), NOW, id)
  redis.call('HSET', key, 'schema', USUAL_SCHEMA, 'state', 'enabled', 'created', NOW)
  redis.call('SET', tenant_key(ARGV[3], 'secrets'), cjson.encode({{sealed = ARGV[6], hint = ARGV[7], created = NOW}}))
end
if given.url and exists then forget_receiver(ARGV[3]) end
for _, name in ipairs({'name', 'url', 'types'}) do
  if given[name] then redis.call('HSET', key, name, given[name]) end
end
redis.call('HSET', key, 'updated', NOW)
if given.state == 'enabled' then
  enable(tenant, id)
elseif given.state == 'disabled' and redis.call('HGET', key, 'state') ~= 'disabled' then
  disable(tenant, id, 'asked')
end
if given.url and exists then reschedule(ARGV[3]) end
return 'ok'
