-- due_batches: the batches that nobody runs and somebody must, the longest waiting first. Changes nothing.
--
-- ARGV[3]  most
--
-- Returns their refs.

return redis.call('ZRANGEBYSCORE', BATCHES, '-inf', NOW, 'LIMIT', 0, tonumber(ARGV[3]))
