-- commit_parts: what stands in parts is output from now on, and the lines in them have been told.
--
-- ARGV[3]  ref     ARGV[5]  lines that completed, ARGV[6] that failed
-- ARGV[4]  token   ARGV[7]  prompt, ARGV[8] completion, ARGV[9] cached tokens of them
-- ARGV[10] position of the line whose turn it is then, or '' where that stays: lines before it are told here
-- ARGV[11] how many parts; then of each its kind (output or errors), its file, how many lines, how many bytes, its name
-- behind them: ids of the lines that had ended and are told here
--
-- A line is told once: an id is in the set of ended lines, from which it is taken here, and a position is passed here
-- for good. What stands in the parts is not read; that there are as many lines of each kind as is said is checked.
--
-- Returns 1, also for a repeat of the last commit, or 0 if the token no longer holds, or nothing is added any more.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return 0 end
local parts = tonumber(ARGV[11])
local first_name = ARGV[16]
if batch.committed == first_name then return 1 end
if batch.status ~= 'in_progress' and batch.status ~= 'cancelling' then return 0 end

local tenant, id = split(batch.ref)
local ended, passed = ended_key(tenant, id), owned_key(tenant, 'b:' .. id .. ':passed')
local taken_from = 12 + 5 * parts
local seen = {}
for i = taken_from, #ARGV do
  if not redis.call('ZSCORE', ended, ARGV[i]) then error(ARGV[i] .. ' is no line that has ended and was not told') end
  if seen[ARGV[i]] then error(ARGV[i] .. ' is told twice') end
  seen[ARGV[i]] = true
end
local skipped = 0
if ARGV[10] ~= '' then skipped = tonumber(ARGV[10]) - batch.position end
local told = {output = 0, errors = 0}
for i = 12, taken_from - 1, 5 do told[ARGV[i]] = told[ARGV[i]] + tonumber(ARGV[i + 2]) end
if skipped < 0 or told.output ~= tonumber(ARGV[5]) or told.errors ~= tonumber(ARGV[6])
  or told.output + told.errors ~= #ARGV - taken_from + 1 + skipped
  or batch.position + skipped > (batch.total or 0) then
  error('what is committed are not as many lines as it says')
end

local key = tenant_key(batch.ref, 'batch')
for i = 12, taken_from - 1, 5 do
  local file, lines, bytes, name = unpack(ARGV, i + 1, i + 4)
  redis.call('RPUSH', owned_key(tenant, 'parts:' .. file), table.concat({bytes, name, lines}, ' '))
  redis.call('HINCRBY', key, 'bytes:' .. file, bytes)
end
for i = taken_from, #ARGV do
  redis.call('ZREM', ended, ARGV[i])
  redis.call('HDEL', passed, ARGV[i])
end
write_batch(batch, 'committed', first_name)
forget_tries(batch)
if skipped > 0 then write_batch(batch, 'position', ARGV[10]) end
for i, name in ipairs({'completed_lines', 'failed_lines', 'prompt', 'completion', 'cached'}) do
  redis.call('HINCRBY', key, name, ARGV[4 + i])
end
wake_batch(batch)
return 1
