-- Shared by every move: what all of them are given, the time, and how keys are named.
-- The loader puts shared texts before each script (jobs/scripts.py says which); jobs/keys.py documents every key.
--
-- KEYS[1]  prefix of all keys
-- ARGV[1]  JSON: {moves: the permitted moves, {from: {to: 1}} (jobs.job.MOVES; the only table there is),
--          backlog: most deliveries that wait for one receiver, log: how long events and deliveries are kept, ms,
--          circuit: the rules of a receiver's circuit (_circuit.lua),
--          batch_moves: the permitted moves of batches (jobs.batches.batch.BATCH_MOVES), batches: how long the record of
--          one is kept that has ended, ms,
--          usage: how long what a tenant has used in a day is kept, ms,
--          ends: what is said of ends that no worker describes, by code (jobs.unattended)}
-- ARGV[2]  newest record schema this process knows

local PREFIX = KEYS[1]
local SCHEMA = tonumber(ARGV[2])
local USUAL_SCHEMA = 1 -- of what any release can act on; a follower's is another (_sharing.lua)
local LINE_SCHEMA = 3
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)

local decoded = nil
local function rules() -- decoded for those alone that ask
  decoded = decoded or cjson.decode(ARGV[1])
  return decoded
end
local function moves_from(state) return rules().moves[state] or {} end
local function is_final(job) return next(moves_from(job.state)) == nil end

local function split(ref)
  local slash = string.find(ref, '/', 1, true)
  return string.sub(ref, 1, slash - 1), string.sub(ref, slash + 1)
end
local function tenant_key(ref, kind)
  local tenant, id = split(ref)
  return PREFIX .. 't:' .. tenant .. ':' .. kind .. ':' .. id
end
local function model_key(model, kind) return PREFIX .. 'm:' .. model .. ':' .. kind end
local function owned_key(tenant, kind) return PREFIX .. 't:' .. tenant .. ':' .. kind end

-- A hash with some of its fields as numbers, or nil. `newer` says that a later release wrote it: leave it alone.
local function read_record(ref, kind, numbers)
  local flat = redis.call('HGETALL', tenant_key(ref, kind))
  if #flat == 0 then return nil end
  local record = {ref = ref}
  for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end
  for _, name in ipairs(numbers) do if record[name] then record[name] = tonumber(record[name]) end end
  record.newer = record.schema > SCHEMA
  return record
end
