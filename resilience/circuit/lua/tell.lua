-- tell: all that is known of a circuit.
--
-- Returns nothing for an unknown one, else the view, the sums of its window (calls, failures, slow), how many probes are
-- under way, and the fields of its hash, flat.

if redis.call('EXISTS', STATE) == 0 then return nil end
local sums = sum()
return {view(), {sums.calls, sums.failures, sums.slow}, redis.call('ZCARD', PROBES), redis.call('HGETALL', STATE)}
