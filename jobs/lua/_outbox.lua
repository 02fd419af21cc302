-- Shared by the moves of deliveries, and by every move at a job's end: what is told of it, in the same breath.
--
-- One delivery of the event goes to each receiver that wants it. Nothing here asks whether a receiver lives: a delivery
-- owns its body, and waits.

-- Days since the epoch as a date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
local function iso(ms)
  local days, rest = math.floor(ms / 86400000), ms % 86400000
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', yoe + era * 400 + (month <= 2 and 1 or 0), month,
    doy - math.floor((153 * mp + 2) / 5) + 1, math.floor(rest / 3600000), math.floor(rest / 60000) % 60,
    math.floor(rest / 1000) % 60, rest % 1000)
end

local function event_id(entry, subject)
  local ms, number = place(entry)
  return string.format('evt_%012x%04x', ms, number) .. string.match(subject, '^[^_]*_?(.*)$')
end

local function envelope(event, data)
  return '{"id":"' .. event.id .. '","object":"event","created_at":' .. string.format('%d', math.floor(event.at / 1000))
    .. ',"type":"' .. event.type .. '","timestamp":"' .. iso(event.at) .. '","data":{' .. data .. '}}'
end
local function data_of(event)
  local kind, status = string.match(event.type, '^(%a+)%.(.*)$')
  if kind == 'endpoint' then
    return '"id":"' .. event.subject .. '","object":"webhook_endpoint","reason":"' .. event.detail .. '"'
  end
  local model = event.detail ~= '' and ',"model":' .. cjson.encode(event.detail) or ''
  return '"id":"' .. event.subject .. '","object":"' .. kind .. '"' .. model .. ',"status":"' .. status .. '"'
end

-- An entry of the list as an event.
local function event_at(entry, flat)
  local event = {}
  for i = 1, #flat, 2 do event[flat[i]] = flat[i + 1] end
  event.at = place(entry)
  event.entry, event.id = entry, event_id(entry, event.subject)
  return event
end

local function delivery_id(event, receiver_kind)
  return 'dlv_' .. string.sub(redis.sha1hex(event.id .. ' ' .. receiver_kind), 1, 32)
end

-- Write one delivery. `to` has receiver, kind ('job', or the endpoint's id), url ('' for an endpoint's own) and, where
-- they apply, trace, full (the body holds a result) and test.
local function write_delivery(tenant, event, body, to)
  local id = delivery_id(event, to.kind)
  local ref, receiver = tenant .. '/' .. id, tenant .. '/' .. to.receiver
  local delivery = {ref = ref}
  write(delivery, 'schema', USUAL_SCHEMA, 'status', 'pending', 'event', event.id, 'type', event.type,
    'subject', event.subject, 'receiver', to.receiver, 'created', NOW, 'since', NOW, 'failures', 0)
  count_pending()
  for _, name in ipairs({'trace', 'full', 'test'}) do if to[name] then write(delivery, name, to[name]) end end
  redis.call('SET', tenant_key(ref, 'letter'), to.url .. '\n' .. body)
  redis.call('SADD', tenant_key(tenant .. '/' .. event.subject, 'sent'), id)
  redis.call('ZADD', FORGET, NOW + rules().log, ref)
  if not to.test then redis.call('ZADD', owned_key(tenant, 'deliveries'), NOW, id) end
  if to.kind == 'job' and redis.call('ZCARD', tenant_key(receiver, 'due')) >= rules().backlog then
    end_delivery(delivery, 'failed', 'backlog_full')
  else
    wait_until(delivery, NOW)
  end
  return id
end

local function wants(types, type) return string.find(types, ',' .. type .. ',', 1, true) ~= nil end

-- Returns 1, or 0 if a replay or the catching up after a pause has written it before.
local function write_to_endpoint(tenant, event, id, trace)
  if redis.call('EXISTS', tenant_key(tenant .. '/' .. delivery_id(event, id), 'dlv')) == 1 then return 0 end
  write_delivery(tenant, event, envelope(event, data_of(event)),
    {receiver = id, kind = id, url = '', trace = trace})
  return 1
end

-- Tell every endpoint of a tenant that wants to hear of an event; one whose backlog is full is paused: it goes on from
-- this event when the backlog has drained. Returns whether somebody is told.
local function tell_endpoints(tenant, event, but, trace)
  local told = false
  for _, id in ipairs(redis.call('ZRANGE', owned_key(tenant, 'endpoints'), 0, -1)) do
    local found = redis.call('HMGET', endpoint_key(tenant, id), 'state', 'types')
    if id ~= but and found[1] == 'enabled' and wants(found[2], event.type) then
      if redis.call('ZCARD', tenant_key(tenant .. '/' .. id, 'due')) >= rules().backlog then
        redis.call('HSET', endpoint_key(tenant, id), 'state', 'paused', 'missed', event.entry)
      else
        write_to_endpoint(tenant, event, id, trace)
        told = true
      end
    end
  end
  return told
end

-- What finalise calls, where somebody may want to hear: write the deliveries of the event `name`, the end of a job or a
-- batch, listed as `entry`.
local function tell_of_job(job, name, entry, told_of_end)
  local tenant, id = split(job.ref)
  local event = event_at(entry, {'type', name, 'subject', id, 'detail', job.model})
  local told = tell_endpoints(tenant, event, nil, job.trace)
  if job.hook then
    local hook = cjson.decode(redis.call('GET', tenant_key(job.ref, 'hook')))
    if wants(hook.events, event.type) then
      local data = data_of(event)
      if hook.full and told_of_end then data = data .. ',' .. told_of_end end
      local made = write_delivery(tenant, event, envelope(event, data), {receiver = hook.origin, kind = 'job',
        url = hook.url, trace = job.trace, full = hook.full and told_of_end and 1})
      redis.call('HSET', tenant_key(job.ref, 'job'), 'dlv', made)
      told = true
    end
  end
  if told then redis.call('PUBLISH', OUTBOX, 1) end
end

local function tell_of_endpoint(tenant, id, name, reason)
  local entry = list_event(tenant, name, id, reason)
  local event = event_at(entry, {'type', name, 'subject', id, 'detail', reason})
  if tell_endpoints(tenant, event, id) then redis.call('PUBLISH', OUTBOX, 1) end
end

-- Have what waits for a receiver looked at by an instant, though it is not due.
local function look_by(receiver, at)
  if redis.call('ZCARD', tenant_key(receiver, 'due')) > 0 then redis.call('ZADD', HOOKS, at, receiver) end
end

-- An endpoint hears of nothing more; what waits for it is ended when its turn comes.
local function disable(tenant, id, reason)
  redis.call('HSET', endpoint_key(tenant, id), 'state', 'disabled', 'reason', reason, 'disabled', NOW)
  redis.call('HDEL', endpoint_key(tenant, id), 'missed')
  forget_receiver(tenant .. '/' .. id)
  look_by(tenant .. '/' .. id, NOW)
  tell_of_endpoint(tenant, id, 'endpoint.disabled', reason)
end

local function enable(tenant, id)
  local key = endpoint_key(tenant, id)
  if redis.call('HGET', key, 'state') ~= 'disabled' then return end
  redis.call('HSET', key, 'state', 'enabled')
  redis.call('HDEL', key, 'reason', 'disabled', 'missed')
  forget_receiver(tenant .. '/' .. id)
  reschedule(tenant .. '/' .. id)
end
