-- leave_sender: a sender takes no more deliveries.
--
-- ARGV[3]  sender

redis.call('ZREM', PREFIX .. 'senders', ARGV[3])
redis.call('DEL', PREFIX .. 's:' .. ARGV[3])
return 1
