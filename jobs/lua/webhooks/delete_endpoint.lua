-- delete_endpoint: forget a standing endpoint; what waits for it is ended when its turn comes.
--
-- ARGV[3]  ref
--
-- Returns 1, or 0 if there is none.

local tenant, id = split(ARGV[3])
if redis.call('DEL', endpoint_key(tenant, id)) == 0 then return 0 end
redis.call('ZREM', owned_key(tenant, 'endpoints'), id)
redis.call('DEL', tenant_key(ARGV[3], 'secrets'), tenant_key(ARGV[3], 'receiver'))
circuit_of(ARGV[3]):erase()
reschedule(ARGV[3])
look_by(ARGV[3], NOW)
return 1
