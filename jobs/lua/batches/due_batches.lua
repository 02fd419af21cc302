-- due_batches: the batches that nobody runs and somebody must, in the order in which they get a place. Changes nothing.
--
-- ARGV[3]  most    ARGV[4…]  the tenant of each batch that the asker runs
--
-- The next place is for the tenant that has the fewest, of those that the asker runs and those that it gets; among
-- equals and of one tenant for the batch that has waited for the longest time. Batches that only need be ended go
-- before a tenant's others, and as if it had no place.
--
-- Returns their refs.

local MOST_LOOKED_AT = 5000

local function is_to_end(ref)
  local status, expires_at = unpack(redis.call('HMGET', tenant_key(ref, 'batch'), 'status', 'expires_at'))
  return status == 'cancelling' or status == 'finalizing' or (tonumber(expires_at or nil) or math.huge) <= NOW
end

local ending, others = {}, {}
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', BATCHES, '-inf', NOW, 'LIMIT', 0, MOST_LOOKED_AT)) do
  local list = is_to_end(ref) and ending or others
  list[#list + 1] = ref
end

local due = {}
local function line_up(refs, places)
  for _, ref in ipairs(refs) do
    local tenant = split(ref)
    places[tenant] = (places[tenant] or 0) + 1
    due[#due + 1] = {ref = ref, place = places[tenant], order = #due}
  end
end
local places = {}
for i = 4, #ARGV do places[ARGV[i]] = (places[ARGV[i]] or 0) + 1 end
line_up(ending, {})
line_up(others, places)
table.sort(due, function(a, b)
  if a.place ~= b.place then return a.place < b.place end
  return a.order < b.order
end)

local refs = {}
for i = 1, math.min(#due, tonumber(ARGV[3])) do refs[i] = due[i].ref end
return refs
