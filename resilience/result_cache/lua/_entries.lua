-- Shared by every script of the cache: what all of them are given, the time, and how entries are kept.
-- The loader puts it before each (resilience/result_cache/shared.py).
--
-- KEYS[1]  prefix of all keys
-- ARGV[1]  JSON: what a process has counted by itself, {field: number}; '' for nothing
-- ARGV[2]  the entry's key, or ''
--
-- Under the prefix:
--   entry:{key}  string  stamp, a line feed, the value; expires
--   sizes        hash    entry to the bytes that count for it
--   used         zset    entries by their last use, as a number that grows
--   ends         zset    entries by when they expire, ms
--   counts       hash    bytes, turn: the last use; hits, misses, stores, evictions; hits:{asker}, misses:{asker}
--
-- An entry that expired, or whose string somebody else has deleted, still counts until a script comes upon it; so the
-- sum of all strings is never above `bytes`.

local PREFIX, KEY = KEYS[1], ARGV[2]
local SIZES, USED, ENDS, COUNTS = PREFIX .. 'sizes', PREFIX .. 'used', PREFIX .. 'ends', PREFIX .. 'counts'
local MOST_AT_ONCE = 200
local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function entry(key) return PREFIX .. 'entry:' .. key end
local function add(field, number) return redis.call('HINCRBY', COUNTS, field, number) end

local function remove(key)
  local size = redis.call('HGET', SIZES, key)
  if not size then return end
  redis.call('DEL', entry(key))
  redis.call('HDEL', SIZES, key)
  redis.call('ZREM', USED, key)
  redis.call('ZREM', ENDS, key)
  add('bytes', -tonumber(size))
end

local function use(key) redis.call('ZADD', USED, add('turn', 1), key) end

if ARGV[1] ~= '' then
  for field, number in pairs(cjson.decode(ARGV[1])) do add(field, number) end
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', NOW, 'LIMIT', 0, MOST_AT_ONCE)) do remove(key) end
