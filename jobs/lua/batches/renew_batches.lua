-- renew_batches: keep leases, many in one call.
--
-- ARGV[3]  lease, ms    ARGV[4…]  ref, token, ref, token …
--
-- Returns the status of each batch, or '' where its lease is lost.

local kept = {}
for i = 4, #ARGV, 2 do
  local batch = read_batch(ARGV[i])
  local is_held = holds_batch(batch, tonumber(ARGV[i + 1]))
  if is_held then redis.call('ZADD', BATCHES, NOW + tonumber(ARGV[3]), batch.ref) end
  kept[#kept + 1] = is_held and batch.status or ''
end
return kept
