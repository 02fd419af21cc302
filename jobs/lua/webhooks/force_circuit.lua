-- force_circuit: an operator holds the circuit of a receiver open or closed, or lets go of it; then it begins anew, closed.
--
-- ARGV[3]  ref of the receiver    ARGV[4]  'open', 'closed' or '' to let go    ARGV[5]  by whom
--
-- Returns 1, or 0 if nothing is known of such a receiver.

local receiver = ARGV[3]
local tenant, name = split(receiver)
local circuit = circuit_of(receiver)
local is_known
if endpoint_id(receiver) then
  is_known = redis.call('EXISTS', endpoint_key(tenant, name)) == 1
else
  is_known = redis.call('EXISTS', circuit.state, tenant_key(receiver, 'receiver'), tenant_key(receiver, 'due'),
    tenant_key(receiver, 'flying')) > 0
end
if not is_known then return 0 end
circuit:force(ARGV[4] ~= '' and ARGV[4] or nil, ARGV[5])
reschedule(receiver)
redis.call('PUBLISH', OUTBOX, 1)
return 1
