-- rescue_sender: a sender is known to be dead; give its deliveries back without waiting for their leases.
--
-- ARGV[3]  sender
--
-- Returns how many it held.

local refs = redis.call('SMEMBERS', sender_key(ARGV[3]))
for _, ref in ipairs(refs) do
  local delivery = read_delivery(ref)
  if delivery and not delivery.newer and delivery.place == 'flying' and delivery.sender == ARGV[3] then
    come_back(delivery)
  end
end
redis.call('DEL', sender_key(ARGV[3]), PREFIX .. 's:' .. ARGV[3])
redis.call('ZREM', PREFIX .. 'senders', ARGV[3])
if #refs > 0 then redis.call('PUBLISH', OUTBOX, 1) end
return #refs
