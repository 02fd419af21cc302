-- Stands before every move of files, and before those that make files of something else: how a file begins and ends.

local FILES_DUE = PREFIX .. 'files_due'
local MOST_PARTS = 1000 -- of a file that are told at a time, to be deleted

-- The record of a file whose bytes are stored. `lifetime` is in ms, '' for ever.
local function record_file(ref, filename, purpose, bytes, lifetime)
  local tenant, id = split(ref)
  redis.call('HSET', tenant_key(ref, 'file'), 'schema', USUAL_SCHEMA, 'filename', filename, 'purpose', purpose,
    'bytes', bytes, 'created', NOW)
  redis.call('ZADD', owned_key(tenant, 'files'), NOW, id)
  redis.call('INCRBY', owned_key(tenant, 'filed'), bytes)
  if lifetime == '' then
    redis.call('ZREM', FILES_DUE, ref)
  else
    redis.call('HSET', tenant_key(ref, 'file'), 'expires', NOW + tonumber(lifetime))
    redis.call('ZADD', FILES_DUE, NOW + tonumber(lifetime), ref)
  end
end

local function read_file(ref) return read_record(ref, 'file', {'schema', 'bytes', 'expires'}) end

local function is_found(file) return file and not file.gone and (file.expires or math.huge) > NOW end

-- Whether a batch that has not ended reads what a file has. Those that have are taken for none, also where a release
-- that knows nothing of this has ended them.
local function is_in_use(ref)
  local tenant = split(ref)
  local users = tenant_key(ref, 'uses')
  for _, batch in ipairs(redis.call('SMEMBERS', users)) do
    local status = redis.call('HGET', tenant_key(tenant .. '/' .. batch, 'batch'), 'status')
    local moves = status and rules().batch_moves[status]
    if status and (moves == nil or next(moves) ~= nil) then return true end
    redis.call('SREM', users, batch)
  end
  return false
end

-- From now on nobody finds it, and its bytes are to be deleted, once no batch needs them; until then they count.
local function end_file(file)
  if file.gone then return end
  local tenant, id = split(file.ref)
  redis.call('HSET', tenant_key(file.ref, 'file'), 'gone', 1)
  redis.call('ZREM', owned_key(tenant, 'files'), id)
  if is_in_use(file.ref) then
    redis.call('HSET', tenant_key(file.ref, 'file'), 'counted', 1)
  else
    redis.call('DECRBY', owned_key(tenant, 'filed'), file.bytes)
  end
  redis.call('ZADD', FILES_DUE, NOW, file.ref)
end
