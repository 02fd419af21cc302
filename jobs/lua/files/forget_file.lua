-- forget_file: forget a file whose bytes are deleted; one that can be found is left alone.
--
-- ARGV[3]  ref                                  ARGV[4]  how many of its parts are deleted
--
-- Returns 1 if nothing of it is left, else 0.

local file = read_file(ARGV[3])
if file and (file.newer or not file.gone) then return 0 end
redis.call('LTRIM', tenant_key(ARGV[3], 'parts'), ARGV[4], -1)
if redis.call('EXISTS', tenant_key(ARGV[3], 'parts')) == 1 then
  redis.call('ZADD', FILES_DUE, NOW, ARGV[3])
  return 0
end
if file and file.counted then
  local tenant = split(file.ref)
  redis.call('DECRBY', owned_key(tenant, 'filed'), file.bytes)
end
redis.call('DEL', tenant_key(ARGV[3], 'file'))
redis.call('ZREM', FILES_DUE, ARGV[3])
return 1
