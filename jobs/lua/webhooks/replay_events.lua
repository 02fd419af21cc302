-- replay_events: have failed deliveries of a range of events go again.
--
-- ARGV[3]  tenant                      ARGV[5]  where the range begins, as XRANGE takes it
-- ARGV[4]  endpoint's id, or '' for    ARGV[6]  where it ends
--          every receiver              ARGV[7]  most events per call
--
-- With an endpoint, it also gets the events that it is subscribed to and was never sent: they came while it was
-- disabled. Without a beginning the range begins when it was made.
--
-- Returns {'missing' | 'disabled', 0, ''} or {'ok', how many go again, the last event looked at, or '' at the end}.

local tenant, only, most = ARGV[3], ARGV[4], tonumber(ARGV[7])
local open, types, from = {}, nil, ARGV[5]
if only ~= '' then
  local found = redis.call('HMGET', endpoint_key(tenant, only), 'state', 'types', 'created')
  if not found[1] then return {'missing', 0, ''} end
  if found[1] == 'disabled' then return {'disabled', 0, ''} end
  open, types = {only}, found[2]
  if from == '-' then from = found[3] end
else
  for _, id in ipairs(redis.call('ZRANGE', owned_key(tenant, 'endpoints'), 0, -1)) do
    if redis.call('HGET', endpoint_key(tenant, id), 'state') ~= 'disabled' then open[#open + 1] = id end
  end
  open[#open + 1] = 'job'
end

local count = 0
local function replay(event, kind)
  local delivery = read_delivery(tenant .. '/' .. delivery_id(event, kind))
  if delivery == nil then
    if types and wants(types, event.type) and event.subject ~= only then
      count = count + write_to_endpoint(tenant, event, only)
    end
  elseif delivery.status == 'failed' and not delivery.newer
      and redis.call('EXISTS', tenant_key(delivery.ref, 'letter')) == 1 then
    revive(delivery)
    count = count + 1
  end
end

local entries = redis.call('XRANGE', owned_key(tenant, 'events'), from, ARGV[6], 'COUNT', most)
for _, entry in ipairs(entries) do
  local event = event_at(entry[1], entry[2])
  for _, kind in ipairs(open) do replay(event, kind) end
end
if count > 0 then redis.call('PUBLISH', OUTBOX, 1) end
return {'ok', count, #entries == most and entries[most][1] or ''}
