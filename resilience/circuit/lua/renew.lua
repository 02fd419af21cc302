-- renew: a probe goes on, and keeps its place.
--
-- ARGV[4]  id of the probe
--
-- Returns 1 if it has its place, 0 if its lease has ended or the circuit has moved.

if not redis.call('ZSCORE', PROBES, ARGV[4]) then return 0 end
redis.call('ZADD', PROBES, NOW + rules.lease, ARGV[4])
keep()
return 1
