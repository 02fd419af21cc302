-- leave: a worker takes no more jobs; its slots no longer count for the window.
--
-- ARGV[3]  worker
-- ARGV[4]  model

redis.call('ZREM', model_key(ARGV[4], 'workers'), ARGV[3])
redis.call('HDEL', model_key(ARGV[4], 'slots'), ARGV[3])
redis.call('DEL', worker_key(ARGV[3]))
return 1
