-- heartbeat: a worker says that it lives and how many slots it has.
--
-- ARGV[3]  worker    ARGV[5]  slots             ARGV[7]  how long this holds, ms
-- ARGV[4]  model     ARGV[6]  instance: host, process id and start, so that a namesake is noticed
-- ARGV[8]  slots of the model, all workers' together, that are kept for interactive jobs
-- ARGV[9]  revision of the model that it has loaded, or '' if nobody is to know
-- ARGV[10] how busy it is (jobs.worker_gauges), or '' if it does not tell
--
-- Workers of the model that have fallen silent are taken off its lists, so that names that never return leave nothing.
--
-- Returns the instance that the name belonged to, or '' if its heartbeat had run out.

local worker, model = ARGV[3], ARGV[4]
local until_ms = tonumber(redis.call('ZSCORE', model_key(model, 'workers'), worker) or 0)
local before = until_ms > NOW and redis.call('HGET', worker_key(worker), 'instance') or ''
if before ~= '' and before ~= ARGV[6] then return before end
for _, silent in ipairs(redis.call('ZRANGEBYSCORE', model_key(model, 'workers'), '-inf', NOW)) do
  redis.call('ZREM', model_key(model, 'workers'), silent)
  redis.call('HDEL', model_key(model, 'slots'), silent)
end
redis.call('HSET', worker_key(worker), 'model', model, 'slots', ARGV[5], 'instance', ARGV[6])
if ARGV[10] == '' then
  redis.call('HDEL', worker_key(worker), 'gauges')
else
  redis.call('HSET', worker_key(worker), 'gauges', ARGV[10])
end
redis.call('PEXPIRE', worker_key(worker), FORGOTTEN_AFTER_MS)
redis.call('ZADD', model_key(model, 'workers'), NOW + tonumber(ARGV[7]), worker)
redis.call('HSET', model_key(model, 'slots'), worker, ARGV[5])
if ARGV[8] == '0' then
  redis.call('DEL', model_key(model, 'reserved'))
else
  redis.call('SET', model_key(model, 'reserved'), ARGV[8])
end
if ARGV[9] == '' then
  redis.call('DEL', model_key(model, 'revision'))
else
  redis.call('SET', model_key(model, 'revision'), ARGV[9])
end
redis.call('SADD', PREFIX .. 'models', model)
return before
