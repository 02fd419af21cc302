-- tell: all that is known of a circuit.
--
-- Returns nothing for an unknown one, else the view, the sums of its window (calls, failures, slow), how many probes are
-- under way, and the fields of its hash, flat.

if redis.call('EXISTS', circuit.state) == 0 then return nil end
local sums = circuit:sum()
local probes = redis.call('ZCARD', circuit.probes)
return {circuit:view(), {sums.calls, sums.failures, sums.slow}, probes, redis.call('HGETALL', circuit.state)}
