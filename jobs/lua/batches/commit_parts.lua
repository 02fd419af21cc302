-- commit_parts: what stands in parts is output from now on, and the lines in them have been told.
--
-- ARGV[3]  ref     ARGV[5]  lines that completed, ARGV[6] that failed
-- ARGV[4]  token   ARGV[7]  prompt, ARGV[8] completion, ARGV[9] cached tokens of them
-- ARGV[10] position of the line whose turn it is then, or '' where that stays: lines before it are told here
-- ARGV[11] how many parts; then of each its file, how many lines, how many bytes and its name
-- behind them: ids of the lines that had ended and are told here
--
-- Returns 1, also for a repeat of the last commit, or 0 if the token no longer holds, or nothing is added any more.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return 0 end
local parts = tonumber(ARGV[11])
local first_name = ARGV[15]
if batch.committed == first_name then return 1 end
if batch.status ~= 'in_progress' and batch.status ~= 'cancelling' then return 0 end

local tenant, id = split(batch.ref)
local ended, passed = ended_key(tenant, id), owned_key(tenant, 'b:' .. id .. ':passed')
local taken_from = 12 + 4 * parts
for i = taken_from, #ARGV do
  if not redis.call('ZSCORE', ended, ARGV[i]) then error(ARGV[i] .. ' is no line that has ended and was not told') end
end
local lines = tonumber(ARGV[5]) + tonumber(ARGV[6])
local skipped = 0
if ARGV[10] ~= '' then skipped = tonumber(ARGV[10]) - batch.position end
local told = 0
for i = 12, taken_from - 1, 4 do told = told + tonumber(ARGV[i + 1]) end
if skipped < 0 or lines ~= told or lines ~= #ARGV - taken_from + 1 + skipped
  or batch.position + skipped > (batch.total or 0) then
  error('what is committed are not as many lines as it says')
end

local key = tenant_key(batch.ref, 'batch')
for i = 12, taken_from - 1, 4 do
  redis.call('RPUSH', owned_key(tenant, 'parts:' .. ARGV[i]), table.concat({ARGV[i + 2], ARGV[i + 3], ARGV[i + 1]}, ' '))
  redis.call('HINCRBY', key, 'bytes:' .. ARGV[i], ARGV[i + 2])
end
for i = taken_from, #ARGV do
  redis.call('ZREM', ended, ARGV[i])
  redis.call('HDEL', passed, ARGV[i])
end
write_batch(batch, 'committed', first_name)
if skipped > 0 then write_batch(batch, 'position', ARGV[10]) end
for i, name in ipairs({'completed_lines', 'failed_lines', 'prompt', 'completion', 'cached'}) do
  redis.call('HINCRBY', key, name, ARGV[4 + i])
end
return 1
