-- renew: a probe goes on, and keeps its place.
--
-- ARGV[4]  id of the probe
--
-- Returns 1 if it has its place, 0 if its lease has ended or the circuit has moved.

if not redis.call('ZSCORE', circuit.probes, ARGV[4]) then return 0 end
circuit:pass(ARGV[4], circuit.rules.lease)
return 1
