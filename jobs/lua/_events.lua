-- Shared by every move: the list of a tenant's events, of which each end of a job is one.

-- Where an event stands in the list, as its time in ms and its number within that.
local function place(entry)
  local ms, number = string.match(entry, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

-- Where an event goes that is later than the last one of a list, though the clock says otherwise. An id has four
-- hexadecimal digits for the number within a millisecond.
local function behind_last(key)
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if not last then return '*' end
  local ms, number = place(last[1])
  if number >= 65535 then return string.format('%.0f-0', ms + 1) end
  return string.format('%.0f-%d', ms, number + 1)
end

-- Add an event; `detail` is the model of a job or a batch, '' if it is not known, the reason of what happens to an endpoint. Returns its entry.
local function list_event(tenant, name, subject, detail)
  local key = owned_key(tenant, 'events')
  local function add(at)
    return redis.pcall('XADD', key, 'MINID', '~', math.max(0, NOW - rules().log), at,
      'type', name, 'subject', subject, 'detail', detail)
  end
  local entry = add(string.format('%.0f-*', NOW))
  if type(entry) == 'table' then entry = add(behind_last(key)) end -- the clock was set back
  redis.call('PEXPIRE', key, rules().log)
  return entry
end
